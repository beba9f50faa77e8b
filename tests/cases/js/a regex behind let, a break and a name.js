let
c
/r/.test(x)
