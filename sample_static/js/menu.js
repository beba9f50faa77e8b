/*! Tern Rock menu, (c) the assetpipe developers, MIT licence */
(function () {
  'use strict'

  // A classic script, loaded with defer: no imports, and semicolons left to the engine.
  var button = document.querySelector('.menu__button')
  var menu = document.querySelector('.menu')
  if (!button || !menu) return

  var narrow = window.matchMedia('(max-width: 40rem)')
  var open = false

  function show () {
    menu.hidden = narrow.matches && !open
    button.setAttribute('aria-expanded', String(!menu.hidden))
  }

  button.addEventListener('click', function () {
    open = !open
    show()
  })
  narrow.addEventListener('change', show)
  show()
})()
