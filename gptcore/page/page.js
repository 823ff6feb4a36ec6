// What a page does beside its widgets: the theme, the menu, and boxes that the arrow keys can scroll.
"use strict";

(() => {
  const root = document.documentElement;
  const prefers = matchMedia("(prefers-color-scheme: dark)");

  // A page opened from a file may have no storage.
  function stored(value) {
    try {
      if (value === undefined) return localStorage.getItem("gptcore-theme");
      localStorage.setItem("gptcore-theme", value);
    } catch {
      return null;
    }
  }

  const isDark = () => root.dataset.theme === "dark";
  const follow = () => { root.dataset.theme = stored() ?? (prefers.matches ? "dark" : "light"); };
  follow();

  function switchTheme(button) {
    const show = () => button.setAttribute("aria-pressed", isDark());
    button.hidden = false;
    show();
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      stored(root.dataset.theme);
      show();
    });
    prefers.addEventListener("change", () => { follow(); show(); });
  }

  // A menu closes as one expects: with Escape, and with a click elsewhere.
  function closeable(menu) {
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }

  // What is wider than the page scrolls inside itself, with the arrow keys too.
  function reachable() {
    for (const box of document.querySelectorAll(".lesson pre, .lesson .table")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  // The contents are open beside the text, and closed above it on a phone.
  function folding(contents) {
    const isNarrow = matchMedia("(max-width: 1099px)");
    const fold = () => { contents.open = !isNarrow.matches; };
    isNarrow.addEventListener("change", fold);
    fold();
  }

  // The contents show where one is: the last section whose heading has come to the upper part of the screen.
  function marking(contents) {
    const links = [...contents.querySelectorAll("a")];
    const headings = links.map((link) => document.getElementById(link.getAttribute("href").slice(1)));
    let isAsked = false;
    const mark = () => {
      isAsked = false;
      const here = headings.findLastIndex((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
      for (const link of links) link.removeAttribute("aria-current");
      links[here]?.setAttribute("aria-current", "location");
    };
    const ask = () => { isAsked ||= Boolean(requestAnimationFrame(mark)); };
    addEventListener("scroll", ask, { passive: true });
    addEventListener("resize", ask);
    mark();
  }

  document.addEventListener("DOMContentLoaded", () => {
    switchTheme(document.querySelector(".theme"));
    closeable(document.querySelector(".menu"));
    document.querySelectorAll(".contents details").forEach(folding);
    reachable();
    addEventListener("resize", reachable);
    document.addEventListener("toggle", reachable, true);
    document.querySelectorAll(".contents").forEach(marking);
  });
})();
