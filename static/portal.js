// Optional comfort; every page works without it.
(() => {
  "use strict";
  // Warn five minutes before an idle session ends, and extend it with one tap.
  const bar = document.getElementById("idle");
  if (bar) {
    const warnAfter = (Number(bar.dataset.idle) - 300) * 1000;
    setTimeout(() => { bar.hidden = false; bar.setAttribute("role", "status"); }, warnAfter);
  }
  // One press is one press.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  // Lead to the list of errors.
  const errors = document.getElementById("errors");
  if (errors) errors.focus();
})();
