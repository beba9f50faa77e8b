// Live reload in a page: hears what changed, and shows it with as little ado as possible.
// Styles and images are exchanged in place; all else reloads the page. ECMAScript 2020, no
// dependencies. Nothing here may throw into the page, or take from it what it has.
(() => {
  "use strict";
  const script = document.currentScript;
  if (window.__assetpipe || !script) return;
  Object.defineProperty(window, "__assetpipe", { value: true });

  const PARAMETER = "assetpipe";
  const SILENCE = 40000; // ms; a stream says something every 15 s
  const RETRY = 300; // ms, growing up to:
  const RETRY_MOST = 2000;

  const warn = (text) => console.warn(`[assetpipe] ${text}`);

  const attempt = (action, otherwise) => {
    try {
      return action();
    } catch {
      return otherwise;
    }
  };

  const mode = script.dataset.mode || "manifest";
  const nonce = script.nonce;
  const bases = streams();
  const name = [PARAMETER, mode, ...bases].join(" ");

  function streams() {
    const here = script.src || location.href; // not document.baseURI, which may be a CDN's
    const named = (script.dataset.streams || "").split(/\s+/).filter(Boolean);
    return (named.length ? named : ["."])
      .map((base) => attempt(() => new URL(base, here).href.replace(/\/*$/, "/events"), ""))
      .filter(Boolean);
  }

  // ---- The stream ---------------------------------------------------------------------------

  let at = 0; // index in bases of the one in use
  let seen = null; // the id up to which everything was applied
  let release = null; // the release of that
  let source = null; // the EventSource, while there is one
  let timer = 0; // until it is opened again
  let failures = 0; // of bases in a row that said nothing
  let isOnce = false; // it is to tell what was missed, and to end
  let isOff = false;

  function open(once) {
    close();
    isOnce = once;
    const query = new URLSearchParams({ mode });
    if (seen) query.set("since", seen);
    else query.set("age", Math.ceil(performance.now()));
    if (release) query.set("release", release);
    if (once) query.set("once", "1");
    const own = new EventSource(`${bases[at]}?${query}`);
    let hasSpoken = false;
    // Its own way to connect again would ask what this one asked, and ends at an HTTP error.
    const fail = () => {
      if (source === own) retry(hasSpoken);
    };
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(fail, SILENCE);
    };
    own.onerror = fail;
    own.onmessage = (event) => {
      if (source !== own) return;
      const message = attempt(() => JSON.parse(event.data), null);
      if (!message) return;
      hasSpoken = true;
      failures = 0;
      listen();
      attempt(() => hear(message, event.lastEventId));
    };
    source = own;
    listen();
  }

  function close() {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  }

  // The same base again after a loss, at once the next one after a failure, and a rest after all.
  function retry(hasSpoken) {
    close();
    let wait = RETRY;
    if (!hasSpoken) {
      failures += 1;
      at = (at + 1) % bases.length;
      const rounds = Math.floor(failures / bases.length);
      wait = failures % bases.length ? 0 : Math.min(RETRY * 1.5 ** (rounds - 1), RETRY_MOST);
    }
    if (isOnce && wait) finishCatchingUp(); // the tab that holds the stream goes on trying
    else timer = setTimeout(open, wait, isOnce);
  }

  function hear(message, id) {
    const told = { base: at, from: seen, id: null, message };
    if (["update", "reload", "state"].includes(message.type)) told.id = id;
    if (!isOnce && channel && message.type !== "ping") channel.postMessage(told);
    take(told);
    if (isOnce && message.type === "state") finishCatchingUp();
  }

  // ---- Several tabs -------------------------------------------------------------------------
  // Browsers open six connections to a host, so one tab of an origin holds the stream, and tells
  // the others. Which one is for a lock to say; it passes on when that tab is gone.

  let channel = null;
  let resign = null; // gives the lock back
  let abort = null; // ends waiting for it
  let isCatchingUp = false;
  const waiting = []; // what was told meanwhile

  async function start() {
    if (isOff || !bases.length) return;
    if (!navigator.locks || typeof BroadcastChannel !== "function") {
      startAlone();
      return;
    }
    channel = new BroadcastChannel(name);
    channel.onmessage = (event) => attempt(() => receive(event.data));
    abort = new AbortController();
    const { signal } = abort;
    try {
      await navigator.locks.request(name, { ifAvailable: true }, (lock) =>
        signal.aborted ? null : lock ? lead() : catchUp(),
      );
      await navigator.locks.request(name, { signal }, lead);
    } catch {
      if (!signal.aborted) startAlone(); // a sandboxed frame has no locks
    }
  }

  function stop() {
    close();
    isCatchingUp = false;
    waiting.length = 0;
    if (channel) channel.close();
    if (abort) abort.abort();
    if (resign) resign();
    channel = abort = resign = null;
  }

  const lead = () =>
    new Promise((resolve) => {
      resign = resolve;
      isCatchingUp = false;
      waiting.length = 0; // the stream says it again
      failures = 0;
      open(false);
    });

  function catchUp() {
    isCatchingUp = true;
    failures = 0;
    open(true);
  }

  function finishCatchingUp() {
    close();
    isCatchingUp = false;
    waiting.splice(0).forEach(receive);
  }

  function receive(told) {
    if (resign) return;
    if (told.message.type === "off") {
      take(told);
      return;
    }
    if (isCatchingUp) {
      waiting.push(told);
      return;
    }
    at = told.base;
    if (isOld(told.id, told.message.type)) return;
    const { epoch, count } = parse(told.from);
    const own = parse(seen);
    const isNext = seen && (told.from === seen || (epoch === own.epoch && count <= own.count));
    if (isNext) {
      take(told);
      return;
    }
    // What another server tells cannot be asked for with an id of this one's.
    if (seen && parse(told.id).epoch !== own.epoch) act(told.message);
    catchUp();
  }

  // Without locks, each tab that is seen holds a stream of its own.
  function startAlone() {
    if (document.visibilityState === "visible") open(false);
    document.addEventListener("visibilitychange", changeVisibility);
  }

  function changeVisibility() {
    if (isOff || document.visibilityState !== "visible") close();
    else if (!source) open(false);
  }

  function parse(id) {
    const [epoch, count] = (id || "").split("-");
    return { epoch, count: Number(count) };
  }

  // A state has the id of the update before it.
  function isOld(id, type) {
    const [last, next] = [parse(seen), parse(id)];
    if (!seen || last.epoch !== next.epoch) return false;
    return type === "state" ? next.count < last.count : next.count <= last.count;
  }

  // ---- What is told -------------------------------------------------------------------------

  function take({ id, message }) {
    if (id) {
      if (isOld(id, message.type)) return;
      seen = id;
      release = message.release || release;
    }
    act(message);
  }

  function act(message) {
    switch (message.type) {
      case "update":
        update(message.changes);
        break;
      case "reload":
        reload();
        break;
      case "state":
        showWarnings(message.warnings);
        showErrors(message.errors);
        break;
      case "off":
        isOff = true;
        // The tab that holds the lock keeps it, so that no other asks before it is told.
        if (resign) close();
        else stop();
        warn(`no live reload here: ${message.reason}`);
    }
  }

  // ---- Reloading ----------------------------------------------------------------------------

  let isReloading = false; // once: who stays by a dialog of the page's is not asked again

  function reload() {
    if (isReloading) return;
    isReloading = true;
    // The next page asks from here on. By its age it would be told of this very change again,
    // and reload again.
    attempt(() => sessionStorage.setItem(place(), JSON.stringify([seen, release])));
    location.reload();
  }

  const place = () => `${name} ${location.href.split("#")[0]}`;

  function recall() {
    attempt(() => {
      const kept = sessionStorage.getItem(place());
      sessionStorage.removeItem(place());
      if (kept) [seen, release] = JSON.parse(kept);
    });
  }

  // ---- URLs ---------------------------------------------------------------------------------

  let serial = Date.now(); // never that of an earlier load, which a cache may still have

  // The changes of one kind in one update, by name; remembers which of them the page has.
  class Changes {
    constructor(changes = [], kind = "") {
      this.byName = new Map();
      this.found = new Set();
      for (const change of changes) if (change.kind === kind) this.add({ ...change, serial });
    }

    add(change) {
      this.byName.set(change.name, change);
    }

    get isEmpty() {
      return !this.byName.size;
    }

    get missing() {
      return [...this.byName.values()].some((change) => !this.found.has(change));
    }

    // Returns the change of what a URL names, the longest name first.
    find(url, base = document.baseURI) {
      const address = attempt(() => new URL(url, base), null);
      if (!address || !/^https?:$/.test(address.protocol)) return null;
      const path = attempt(() => decodeURIComponent(address.pathname), address.pathname);
      const parts = path.split("/").slice(1);
      const last = parts.pop();
      const endings = mode === "manifest" ? [last, logical(last)] : [last];
      for (let start = 0; start <= parts.length; start += 1) {
        for (const ending of endings) {
          const change = this.byName.get([...parts.slice(start), ending].join("/"));
          if (change) return change;
        }
      }
      return null;
    }

    // Returns the URL under which a browser finds what is new, as relative as it was; or null.
    renew(url, base = document.baseURI) {
      const change = this.find(url, base);
      if (!change) return null;
      const [, path, query = "", fragment = ""] = /^([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(url.trim());
      const file = change.file && change.file.split("/").pop();
      const last = path.split(/[/\\]/).pop();
      if (!file || attempt(() => decodeURIComponent(last), last) === file) {
        this.found.add(change);
        return path + marked(query, change.serial) + fragment;
      }
      // What another site calls the same by chance is not there under the new name.
      if (last === logical(last) && site(new URL(url, base)) !== site(location)) return null;
      this.found.add(change);
      const folder = path.slice(0, path.length - last.length);
      return folder + encodeURIComponent(file) + marked(query) + fragment;
    }
  }

  // app.0123456789ab.css -> app.css, as names.fingerprinted makes them.
  const logical = (segment) => segment.replace(/\.[0-9a-f]{12}(?=(\.[^.]+)?$)/, "");

  // Returns a query with our parameter in place of the one that an earlier update has put there.
  function marked(query, number) {
    const parts = query.slice(1).split("&");
    const kept = parts.filter((part) => part && !part.startsWith(`${PARAMETER}=`));
    if (number) kept.push(`${PARAMETER}=${number}`);
    return kept.length ? `?${kept.join("&")}` : "";
  }

  function again(url) {
    const address = new URL(url);
    address.search = marked(address.search, serial);
    return address.href;
  }

  // ---- Updates ------------------------------------------------------------------------------

  function update(changes) {
    if (changes.some(({ kind }) => kind === "other")) {
      reload();
      return;
    }
    serial += 1;
    const styles = new Changes(changes, "style");
    const images = new Changes(changes, "image");
    for (const change of images.byName.values()) if (keepsName(change)) pictures.add(change);
    const unreadable = new Set();
    for (const root of [...roots(document)]) {
      if (!styles.isEmpty) renewStyles(root, styles, unreadable);
      if (!images.isEmpty) renewImages(root, images, styles, unreadable);
    }
    const missing = [styles, images].filter((each) => each.missing);
    if (!missing.length) return;
    // What such a sheet uses cannot be seen; others' sites do not use what is made here.
    const own = [...unreadable].filter((link) => site(new URL(link.href)) === site(location));
    own.forEach((link) => swap(link, again(link.href)));
    if (own.length) return;
    const loaded = performance.getEntriesByType("resource");
    const isUsed = (each) =>
      loaded.some((entry) => {
        const change = each.find(entry.name);
        return change && !each.found.has(change);
      });
    if (missing.some(isUsed)) reload(); // a script has loaded it, and knows alone what it did
  }

  const site = ({ hostname }) => hostname.split(".").slice(-2).join(".");

  function* roots(root) {
    yield root;
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) yield* roots(element.shadowRoot);
    }
  }

  // Returns a sheet's rules; null where it is another origin's, and did not come by CORS.
  const rulesOf = (sheet) => attempt(() => sheet.cssRules, null);

  // ---- Styles -------------------------------------------------------------------------------

  const clones = new Map(); // by the element that each is to follow

  function renewStyles(root, styles, unreadable) {
    const isClone = new Set(clones.values());
    for (const link of root.querySelectorAll("link[rel~=stylesheet i][href]")) {
      if (isClone.has(link)) continue;
      const url = styles.renew(link.getAttribute("href"));
      if (url) {
        takeAlong(link.sheet, styles);
        swap(link, url);
      } else if (link.sheet) {
        renewImports(link.sheet, styles, link, unreadable);
      }
    }
    for (const style of root.querySelectorAll("style")) {
      if (style.sheet && !isClone.has(style)) renewImports(style.sheet, styles, style, unreadable);
    }
  }

  // Puts a copy with another URL behind a link or a style element, and takes the old one away once
  // the copy has loaded: the page is never without the sheet.
  function swap(owner, url) {
    const earlier = clones.get(owner);
    if (earlier) earlier.remove();
    clones.delete(owner);
    // What a script made of these cannot be read from them. Chromium keeps the old sheet of a link
    // while its new one comes, but loses it where none does.
    if (owner.disabled || owner.matches("[rel~=alternate i]")) {
      owner.removeAttribute("integrity");
      owner.setAttribute("href", url);
      return;
    }
    const clone = owner.cloneNode(true);
    for (const attribute of ["integrity", "onload", "onerror"]) clone.removeAttribute(attribute);
    if (url) clone.setAttribute("href", url);
    // A script has switched the sheet off, which no attribute says.
    if (owner.sheet && owner.sheet.disabled) clone.media = "not all";
    const end = (hasLoaded) => {
      if (clones.get(owner) !== clone) return;
      clones.delete(owner);
      if (!hasLoaded || !owner.isConnected) {
        clone.remove();
        return;
      }
      if (owner.sheet && clone.sheet) clone.sheet.disabled = owner.sheet.disabled;
      if (clone.sheet) renewPictures(clone.sheet);
      for (const attribute of ["media", "disabled"]) copyAttribute(owner, clone, attribute);
      owner.remove();
    };
    clone.addEventListener("load", () => end(true));
    clone.addEventListener("error", () => end(false));
    clones.set(owner, clone);
    owner.after(clone);
  }

  function copyAttribute(from, to, attribute) {
    const value = from.getAttribute(attribute);
    if (value === to.getAttribute(attribute)) return;
    if (value === null) to.removeAttribute(attribute);
    else to.setAttribute(attribute, value);
  }

  // Only the rules that lead to what changed are replaced: what else the sheet imports, such as a
  // framework, is neither asked for nor parsed again.
  function renewImports(sheet, styles, owner, unreadable) {
    const rules = rulesOf(sheet);
    if (!rules) {
      if (owner.localName === "link") unreadable.add(owner);
      return;
    }
    for (const rule of importsOf(rules)) {
      const base = sheet.href || document.baseURI;
      const url = styles.renew(rule.href, base);
      if (!url) {
        if (rule.styleSheet) renewImports(rule.styleSheet, styles, owner, unreadable);
      } else if (clones.has(owner)) {
        replaceOwner(owner); // it may have the old one inside
      } else {
        takeAlong(rule.styleSheet, styles);
        replaceImport(sheet, rule, new URL(url, base).href, owner).catch(() => {});
      }
    }
  }

  // What a sheet imports comes with whatever takes its place.
  function takeAlong(sheet, styles) {
    for (const rule of importsOf((sheet && rulesOf(sheet)) || [])) {
      const change = styles.find(rule.href, sheet.href || document.baseURI);
      if (change) styles.found.add(change);
      takeAlong(rule.styleSheet, styles);
    }
  }

  // They come first, among statements of layers; frameworks have thousands of rules after them.
  function importsOf(rules) {
    const found = [];
    for (const rule of rules) {
      if (rule instanceof CSSImportRule) found.push(rule);
      else if (rule.style || rule.cssRules) break;
    }
    return found;
  }

  const hasImports = (sheet) => importsOf(rulesOf(sheet) || []).length > 0;

  const newest = new WeakMap(); // by import rule the URL that is to replace it

  async function replaceImport(sheet, rule, url, owner) {
    newest.set(rule, url);
    if (!(await preload(url))) return;
    const index = [...sheet.cssRules].indexOf(rule);
    if (index < 0 || newest.get(rule) !== url) return;
    const inserted = attempt(() => {
      sheet.insertRule(importText(rule, url), index + 1);
      return sheet.cssRules[index + 1];
    }, null);
    // While anything is to come, Chromium does not apply the sheet around it at all. What is
    // preloaded is there at once, but not what it imports itself.
    const isThere = inserted && inserted.styleSheet && !hasImports(inserted.styleSheet);
    if (isThere) renewPictures(inserted.styleSheet);
    if (inserted) sheet.deleteRule(isThere ? index : index + 1);
    if (!isThere) replaceOwner(owner);
  }

  function importText(rule, url) {
    const { layerName, supportsText, media } = rule;
    let text = `@import url(${JSON.stringify(url)})`;
    if (typeof layerName === "string") text += layerName ? ` layer(${layerName})` : " layer";
    if (supportsText) text += ` supports(${supportsText})`;
    return `${text} ${media.mediaText};`;
  }

  function preload(url) {
    return new Promise((resolve) => {
      const link = document.createElement("link");
      const end = (hasLoaded) => {
        link.remove();
        resolve(hasLoaded);
      };
      Object.assign(link, { rel: "preload", as: "style", href: url, nonce });
      link.addEventListener("load", () => end(true));
      link.addEventListener("error", () => end(false));
      document.head.append(link);
    });
  }

  // Has everything that a sheet leads to asked for again.
  function replaceOwner(owner) {
    if (owner.localName === "link") swap(owner, again(owner.href));
    else if (/@import/i.test(owner.textContent) && !owner.disabled) swap(owner);
    else reload(); // its rules are a script's
  }

  // ---- Images -------------------------------------------------------------------------------

  const ATTRIBUTES = {
    img: ["src", "srcset"],
    source: ["srcset"],
    input: ["src"],
    video: ["poster"],
    link: ["href"],
    image: ["href", "xlink:href"],
    use: ["href", "xlink:href"],
    feImage: ["href", "xlink:href"],
    object: ["data"],
    embed: ["src"],
  };
  const CANDIDATE = /([\s,]*)(\S*[^\s,])(,+|[^,]*)/g; // HTML, 4.8.4.2.1: of a srcset
  const CSS_URL = /url\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"'()]+))\s*\)/gi;
  // Their longhands are empty where they hold a var().
  const SHORTHANDS = ["background", "border-image", "list-style", "mask", "-webkit-mask"];

  function renewImages(root, images, styles, unreadable) {
    for (const element of root.querySelectorAll(Object.keys(ATTRIBUTES).join())) {
      if (element.localName === "link" && !element.matches("[rel~=icon i]")) continue;
      for (const attribute of ATTRIBUTES[element.localName]) {
        const value = element.getAttribute(attribute);
        if (!value) continue;
        const renewed = attribute === "srcset" ? renewSet(value, images) : images.renew(value);
        if (renewed && renewed !== value) element.setAttribute(attribute, renewed);
      }
    }
    for (const { style } of root.querySelectorAll("[style]")) {
      renewDeclarations(style, images, document.baseURI);
    }
    for (const sheet of [...root.styleSheets, ...(root.adoptedStyleSheets || [])]) {
      renewRules(sheet, images, styles, unreadable);
    }
  }

  // Of all updates: a new sheet names a picture as the old one did, and Chromium then takes the one
  // that the page had first, without asking (whatever its Cache-Control).
  const pictures = new Changes();
  const keepsName = ({ file }) => !file || logical(file) === file;
  const renewPictures = (sheet) => renewRules(sheet, pictures, new Changes(), new Set());

  const renewSet = (set, images) =>
    set.replace(CANDIDATE, (_, before, url, after) => before + (images.renew(url) || url) + after);

  function renewRules(sheet, images, styles, unreadable) {
    const rules = rulesOf(sheet);
    const owner = sheet.ownerNode;
    if (!rules) {
      if (owner && owner.localName === "link") unreadable.add(owner);
      return;
    }
    // A build gives a new name to what refers to a new name, and it is on its way.
    const isLeft = mode === "manifest" && sheet.href && styles.find(sheet.href);
    const base = sheet.href || document.baseURI;
    const visit = (each) => {
      for (const rule of each) {
        if (rule.styleSheet) renewRules(rule.styleSheet, images, styles, unreadable);
        if (rule.style) renewDeclarations(rule.style, images, base, isLeft);
        if (rule.cssRules) visit(rule.cssRules);
      }
    };
    visit(rules);
  }

  function renewDeclarations(style, images, base, isLeft) {
    if (!style || !/url\(/i.test(style.cssText)) return;
    for (const property of [...style, ...SHORTHANDS]) {
      const value = style.getPropertyValue(property);
      const renewed = value.replace(CSS_URL, (whole, double, single, bare) => {
        const url = (double || single || bare || "").replace(/\\(.)/gs, "$1");
        const next = images.renew(url, base);
        return next === null ? whole : `url(${JSON.stringify(new URL(next, base).href)})`;
      });
      if (renewed !== value && !isLeft) {
        style.setProperty(property, renewed, style.getPropertyPriority(property));
      }
    }
  }

  // ---- Errors and warnings ------------------------------------------------------------------

  const warned = new Set();
  let shown = "[]"; // the errors of the last state, closed by the user or not
  let overlay = null;

  const OVERLAY = `
    :host {
      all: initial !important; position: fixed !important; z-index: 2147483647 !important;
      inset: auto 0 0 0 !important; color-scheme: light dark;
    }
    section {
      box-sizing: border-box; max-height: 50vh; overflow: auto; padding: 12px 48px 12px 16px;
      border-top: 4px solid #d3232f; background: #fff; color: #1c1c1c;
      font: 14px/1.5 ui-monospace, Menlo, Consolas, monospace;
      box-shadow: 0 -2px 16px rgb(0 0 0 / 30%); white-space: pre-wrap; overflow-wrap: anywhere;
    }
    div + div { margin-top: 12px; }
    b { display: block; color: #b3121d; }
    i { display: block; font-style: normal; color: #595959; }
    button {
      position: absolute; top: 12px; right: 16px; width: 28px; height: 28px; padding: 0;
      border: 1px solid; border-radius: 4px; background: none; color: inherit; font: inherit;
      cursor: pointer;
    }
    @media (prefers-color-scheme: dark) {
      section { background: #1e1e1e; color: #ececec; }
      b { color: #ff8088; }
      i { color: #b0b0b0; }
    }
    @media print { :host { display: none !important; } }`;

  function showWarnings(warnings) {
    for (const warning of warnings) {
      if (!warned.has(warning)) warn(warning);
      warned.add(warning);
    }
  }

  function showErrors(errors) {
    const now = JSON.stringify(errors);
    if (now === shown) return;
    shown = now;
    hide();
    if (errors.length) show(errors);
  }

  function show(errors) {
    const element = (tag, text, ...children) => {
      const made = document.createElement(tag);
      made.textContent = text; // never as markup
      made.append(...children);
      return made;
    };
    const close = element("button", "×");
    close.type = "button";
    close.title = "Close (Escape)";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", hide);
    close.addEventListener("mousedown", (event) => event.preventDefault()); // leaves the focus
    const list = errors.map(({ where, message, hint }) => {
      const lines = [element("b", where), element("span", message), element("i", hint)];
      return element("div", "", ...lines.filter((line) => line.textContent));
    });
    const panel = element("section", "", ...list, close);
    panel.setAttribute("role", "alert");
    overlay = document.createElement("assetpipe-overlay");
    const shadow = overlay.attachShadow({ mode: "open" });
    // Not a <style>, which a page's Content-Security-Policy may forbid.
    attempt(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(OVERLAY);
      shadow.adoptedStyleSheets = [sheet];
    });
    shadow.append(panel);
    document.documentElement.append(overlay);
    window.addEventListener("keydown", hideOnEscape, true);
  }

  function hide() {
    window.removeEventListener("keydown", hideOnEscape, true);
    if (overlay) overlay.remove();
    overlay = null;
  }

  function hideOnEscape(event) {
    if (event.key === "Escape" && !event.isComposing) hide();
  }

  // ---- Beginning ----------------------------------------------------------------------------

  // A page with an open stream or a lock is not kept for going back to it.
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) start();
  });
  recall();
  // What the parser adds later would be missed by an update, but not by the page's age.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
