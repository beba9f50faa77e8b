async
x => { await /r///
 }
