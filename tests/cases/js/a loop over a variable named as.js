for ( as of /r///
) ;
( as in /r///
)
