async
function f ( ) { await ++
let }
