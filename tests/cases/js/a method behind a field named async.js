class A { async
m ( ) { await /r///
 } }
