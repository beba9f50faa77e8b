x  =  1. in b
