// A button below a widget that copies the link to its state, and shows it as a QR code for other devices.

// `link()` gives the address of the state as it is now.
function shareButton(link) {
  const text = h("input", { type: "text", readonly: true, "aria-label": t("The link to this state") });
  text.addEventListener("focus", () => text.select());
  const said = h("p", { role: "status", class: "gc-share-said" });
  const code = h("div", { class: "gc-share-code" });
  const share = async () => {
    panel.hidden = false;
    showCode(code, (text.value = link()));
    put(said, { text: sharedWords(await copyFrom(text), text.value) });
  };
  const close = () => {
    panel.hidden = true;
    put(said, { text: "" });
    open.focus();
  };
  const open = button(t("Copy link"), share, { title: t("A link to this very state, and its QR code") });
  const panel = h("div", { class: "gc-share-panel", hidden: true },
    h("div", { class: "gc-share-words" }, text, said, button(t("Close"), close)), code);
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation(); // elsewhere in a widget this key leads out of it
    close();
  });
  return {
    el: h("div", { class: "gc-share" }, open, panel),
    // What is shown follows the state.
    follow() {
      if (panel.hidden || text.value === link()) return;
      showCode(code, (text.value = link()));
      put(said, { text: t("This is the link to the new state.") });
    },
  };
}

// Put the text of a field on the clipboard; where a page may not, the text stays selected. True if it was copied.
async function copyFrom(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {} // no secure context, or no leave
  input.focus();
  input.select();
  return document.execCommand("copy");
}

function sharedWords(isCopied, address) {
  const { protocol, hostname } = new URL(address);
  const words = isCopied ? t("The link was copied.") : t("The link is selected: copy it with Ctrl+C or ⌘C.");
  const isHere = protocol === "file:" || /^(localhost|127\..*|\[::1\])$/.test(hostname);
  const warning = t("It leads to this computer: other devices cannot open it.");
  return isHere ? `${words} ${warning}` : words;
}

// The QR code, dark on white in every theme, because many readers know no other; a longer link gets less error correction.
function showCode(element, address) {
  const rows = qrCode(address, "M") ?? qrCode(address, "L");
  element.replaceChildren();
  if (rows === null) return element.append(t("The link is too long for a QR code."));
  const size = rows.length + 8;
  element.append(h("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": t("The link as a QR code"), "shape-rendering": "crispEdges" },
    h("rect", { width: size, height: size, fill: "#ffffff" }), h("path", { d: qrPath(rows), fill: "#000000" })));
}
