for ( await of /r///
) ;
