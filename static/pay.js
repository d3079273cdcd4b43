/* Optional: sums while choosing, and asking for a result while waiting. Every page works without it. */
(function () {
  "use strict";
  var all = function (selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); };
  var one = function (selector) { return document.querySelector(selector); };

  function yuan(fen) {
    var parts = (fen / 100).toFixed(2).split(".");
    return parts[0].replace(/\B(?=(\d{3})+$)/g, ",") + "." + parts[1];
  }

  var total = one("[data-total]"), count = one("[data-count]");
  var english = document.documentElement.lang === "en";
  function sum() {
    var picked = all("input:checked[data-fen], option:checked[data-fen]");
    var ticked = all("input[type=checkbox][name=p]:checked").length;
    if (total) {
      var fen = picked.reduce(function (so_far, each) { return so_far + Number(each.dataset.fen); }, 0);
      total.textContent = english ? "¥" + yuan(fen) : yuan(fen) + "元";
      var row = one("[data-when-chosen]");
      if (row) { row.hidden = !picked.length; }
    }
    all("[data-for]").forEach(function (each) {
      each.hidden = !one("input[value='" + each.dataset.for + "']:checked");
    });
    var strip = one("[data-on]"), end = one("select[name=end]");
    if (strip && end) {
      all("[data-month]").forEach(function (each) {
        var on = Number(each.dataset.month) <= Number(end.value);
        each.className = on ? "on" : "";
        each.lastElementChild.textContent = on ? strip.dataset.on : strip.dataset.off;
      });
    }
    if (count) {
      count.dataset.text = count.dataset.text || count.textContent;
      count.textContent = count.dataset.text.replace("#", ticked);
      count.hidden = !ticked;
    }
  }
  if (total || count || one("[data-for]")) {
    document.addEventListener("change", sum);
    window.addEventListener("pageshow", sum);
  }

  /* 2 s five times, 5 s six times, then every 15 s until three minutes are over */
  var waiting = one("[data-poll]");
  if (!waiting) { return; }
  var started = Date.now(), tries = 0, line = one("[data-line]");
  function later() {
    if (Date.now() - started > 180000) { return; }
    tries += 1;
    setTimeout(ask, tries <= 5 ? 2000 : tries <= 11 ? 5000 : 15000);
  }
  function ask() {
    if (document.hidden) { later(); return; }
    fetch(waiting.dataset.poll, { headers: { Accept: "application/json" }, credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (answer) { answer ? tell(answer) : later(); })
      .catch(later);
  }
  function tell(answer) {
    if (line && line.textContent !== answer.line) { line.textContent = answer.line; }
    all("[data-back]").forEach(function (each) { each.hidden = !answer.back; });
    all("[data-no-back]").forEach(function (each) { each.hidden = answer.back; });
    if (answer.waits) { later(); return; }
    var button = one("[data-asked]");
    if ("ask" in waiting.dataset && button) { button.hidden = false; return; }
    location.assign(waiting.dataset.then);
  }
  document.addEventListener("visibilitychange", function () { if (!document.hidden && Date.now() - started > 180000) { started = Date.now(); later(); } });
  later();
})();
