'x'
with ( a ) /=///
