// Optional comfort; every page works without it.
(() => {
  "use strict";
  // Warn five minutes before an idle session ends, and extend it with one tap.
  const bar = document.getElementById("idle");
  if (bar) {
    const words = bar.querySelector("p"), text = words.textContent;
    words.textContent = "";
    bar.setAttribute("role", "status");
    setTimeout(() => { bar.hidden = false; words.textContent = text; }, Math.max(0, Number(bar.dataset.idle) - 300) * 1000);
  }
  // One press is one press.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  addEventListener("pageshow", () => {
    // Back by the browser's own button: the form can be sent again.
    for (const form of document.forms) delete form.dataset.sent;
    // Lead to the list of errors, after the browser has gone to what the address names.
    const errors = document.getElementById("errors");
    if (errors) errors.focus();
  });
  // Count down to the next code, a quarter of a minute at a time: each change is read out.
  const wait = document.querySelector("[data-wait]");
  if (wait) {
    const end = Date.now() + wait.dataset.wait * 1000;
    const tell = () => {
      const left = Math.ceil((end - Date.now()) / 15000) * 15;
      wait.textContent = left > 0 ? wait.dataset.left.replace("#", left) : wait.dataset.over;
      if (left > 0) setTimeout(tell, end - Date.now() - (left - 15) * 1000);
    };
    tell();
  }
  // Read the page out.
  const speak = document.getElementById("speak"), voice = window.speechSynthesis;
  if (speak && voice) {
    const start = speak.textContent;
    const still = () => { speak.textContent = start; };
    speak.parentElement.hidden = false;
    speak.addEventListener("click", () => {
      if (voice.speaking) { voice.cancel(); still(); return; }
      // Piece by piece: some voices fall silent in the middle of a long text.
      const pieces = document.getElementById("main").innerText.split(/[。\n]+/).filter((piece) => piece.trim());
      pieces.forEach((piece, at) => {
        const said = new SpeechSynthesisUtterance(piece);
        said.lang = document.documentElement.lang === "en" ? "en" : "zh-CN";
        said.rate = 0.9;
        if (at === pieces.length - 1) said.onend = still;
        voice.speak(said);
      });
      speak.textContent = speak.dataset.stop;
    });
    addEventListener("pagehide", () => voice.cancel());
  }
})();
