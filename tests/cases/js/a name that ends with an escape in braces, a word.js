x  =  \u{61} in b
