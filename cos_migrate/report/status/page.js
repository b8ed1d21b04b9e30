"use strict";
const EVERY = 1000; // milliseconds between two updates
const PATIENCE = 8000; // milliseconds after which an answer is given up
const TOKEN = "cos-migrate-token";
// A text in the page's language; its values stand as {0}, {1}.
const say = (text, ...values) => (TEXTS[text] || text).replace(/\{(\d)\}/g, (_, index) => values[index]);
const find = (id) => document.getElementById(id);

// The token behind # is kept for this tab and removed from the address, so that it is not copied with it.
if (location.hash.length > 1) {
  sessionStorage.setItem(TOKEN, location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}

function spellSize(size) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) { size /= 1024; unit += 1; }
  return `${size.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function spellSeconds(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const parts = [];
  let left = Math.floor(seconds);
  for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
    const count = Math.floor(left / length);
    left %= length;
    if (count || parts.length) parts.push(count ? `${count} ${unit}` : "");
  }
  return parts.slice(0, 2).filter(Boolean).join(" ");
}

const spellTime = (time) => time.slice(0, 19).replace("T", " "); // that of the machine that runs the tool
const spellCount = (count) => Math.round(count).toLocaleString("en");
const spellRate = (rate) => rate && rate < 10 ? rate.toFixed(1) : spellCount(rate);

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function fillTable(table, heads, rows) {
  const top = element("tr");
  for (const [text, kind] of heads) top.append(element("th", text, kind === "n" ? "n" : ""));
  table.replaceChildren(top, ...rows.map((cells) => {
    const row = element("tr");
    cells.forEach((cell, column) => {
      const made = element("td", undefined, heads[column][1]);
      if (heads[column][0]) made.dataset.head = heads[column][0]; // for narrow screens
      made.append(cell);
      row.append(made);
    });
    return row;
  }));
}

function bar(value, most) {
  const made = element("progress");
  made.max = 1;
  made.value = most ? Math.min(1, value / most) : 0;
  return made;
}

function draw(plot, values, secondsEach, spellValue) {
  const wide = 480, high = 150, left = 84, bottom = 20, top = 10, right = 6;
  const most = Math.max(...values, 0) || 1;
  const floor = high - bottom, step = (wide - left - right) / Math.max(1, values.length);
  const make = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const shapes = [];
  for (const share of [0, 0.5, 1]) {
    const y = floor - share * (floor - top);
    shapes.push(make("line", { class: "grid", x1: left, x2: wide - right, y1: y, y2: y }));
    shapes.push(make("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, spellValue(most * share)));
  }
  let path = `M${left} ${floor}`;
  values.forEach((value, index) => {
    const y = floor - (floor - top) * value / most;
    path += `L${left + index * step} ${y}H${left + (index + 1) * step}`;
  });
  shapes.push(make("path", { class: "area", d: `${path}V${floor}Z` }));
  const ago = values.length * secondsEach;
  shapes.push(make("text", { x: left, y: high - 4 }, say("{0} ago", spellSeconds(ago))));
  shapes.push(make("text", { x: wide - right, y: high - 4, "text-anchor": "end" }, say("now")));
  plot.setAttribute("viewBox", `0 0 ${wide} ${high}`);
  plot.replaceChildren(...shapes);
}

const MODES = { dry_run: say("dry run"), check: say("comparison"), compare: say("comparison") };

function setState(text, kind) {
  const badge = find("state");
  if (badge.textContent !== text) badge.textContent = text; // else screen readers repeat it
  badge.className = `badge ${kind}`;
}

function showRun(run, paused) {
  find("title").textContent = say("{0} to {1}", run.type, run.bucket) + (MODES[run.mode] ? ` (${MODES[run.mode]})` : "");
  find("subtitle").textContent = say("{0} → {1}, since {2}", run.source, run.cosPath, spellTime(run.start_time));
  const share = find("share");
  const parts = [[run.done, run.total], [run.bytes_done, run.bytes_total]].filter((each) => each[1]);
  const done = Math.min(1, ...parts.map((each) => each[0] / each[1]));
  if (run.total !== null) {
    share.value = done;
    find("share-text").textContent = `${Math.floor(100 * done)} %, ` + say("{0} of {1} objects", spellCount(run.done), spellCount(run.total));
  } else {
    share.removeAttribute("value");
    find("share-text").textContent = say("{0} objects done, {1} listed so far", spellCount(run.done), spellCount(run.known));
  }
  const cards = [
    [`${spellRate(run.objects_per_second)}/s`, say("objects a second")],
    [`${spellSize(run.bytes_per_second)}/s`, say("bytes a second")],
    [spellCount(run.sent), say("objects sent")],
    [spellSize(run.bytes_sent), say("sent")],
    [spellCount(run.outcomes.skip || 0), say("unchanged")],
    [spellCount(run.failed), say("failed"), run.failed ? "bad" : ""],
    [spellSeconds(run.seconds), say("elapsed")],
  ];
  if (run.seconds_left !== null && (run.done < run.known || !run.list_finished)) cards.push([spellSeconds(run.seconds_left), say("left")]);
  find("cards").replaceChildren(...cards.map(([value, name, kind]) => {
    const card = element("div", undefined, "card");
    card.append(element("b", value, kind), element("span", name));
    return card;
  }));
  const through = run.throughput;
  if (through.bytes_per_second.length > 2) { // the last interval is not over
    through.bytes_per_second.pop();
    through.objects_per_second.pop();
  }
  draw(find("plot-bytes"), through.bytes_per_second, through.seconds_each, (value) => `${spellSize(value)}/s`);
  draw(find("plot-objects"), through.objects_per_second, through.seconds_each, (value) => `${spellRate(value)}/s`);
  fillTable(find("pools"), [[say("pool")], [say("under way"), "n"], [say("limit"), "n"], [""]],
    Object.entries(run.transfers).map(([name, pool]) =>
      [name === "small" ? say("small objects") : say("parts of big ones"), spellCount(pool.under_way), spellCount(pool.limit), bar(pool.under_way, pool.limit)]));
  find("unfinished-box").hidden = !run.unfinished.length;
  fillTable(find("unfinished"), [[say("object"), "path"], [say("sent"), "n"], [say("size"), "n"], [""]],
    run.unfinished.slice(0, 10).map((each) => [each.key, spellSize(each.sent), spellSize(each.size), bar(each.sent, each.size)]));
  find("failures-box").hidden = !run.failures.length;
  fillTable(find("failures"), [[say("objects"), "n"], [say("cause")], [say("what to do")], [say("for example"), "path"]],
    run.failures.map((each) => [spellCount(each.count), `${each.status || ""} ${each.code}`.trim(), each.advice, each.samples[0].name]));
  const waiting = find("waiting");
  waiting.hidden = !run.waiting || paused;
  waiting.textContent = say("Waiting: {0}", run.waiting);
  if (paused) setState(say("paused"), "warn");
  else if (run.waiting) setState(say("waiting"), "warn");
  else if (run.seconds_since_update > 10) setState(say("no news for {0}", spellSeconds(run.seconds_since_update)), "warn");
  else setState(say("running"), "main");
}

function show(status) {
  const run = status.run;
  find("lost").hidden = true;
  find("run").hidden = !run;
  find("no-run").hidden = Boolean(run);
  find("program").textContent = say("{0}, started {1}", status.program, spellTime(status.started));
  find("pause").disabled = status.paused;
  find("resume").disabled = !status.paused;
  if (run) {
    showRun(run, status.paused);
  } else {
    find("waiting").hidden = true;
    const last = status.ended_runs[status.ended_runs.length - 1];
    if (last) find("title").textContent = say("{0} to {1}", last.type, last.bucket);
    setState(status.paused ? say("paused") : say("no run now"), "warn");
  }
  document.title = `${find("state").textContent}: ${find("title").textContent}`;
  find("warnings-box").hidden = !status.warnings.length;
  find("warnings").replaceChildren(...status.warnings.slice().reverse().map(
    (each) => element("li", `${each.time} ${each.message}`)));
  find("ended-box").hidden = !status.ended_runs.length;
  fillTable(find("ended"),
    [[say("ended")], [say("status")], [say("new"), "n"], [say("updated"), "n"], [say("unchanged"), "n"], [say("failed"), "n"], [say("bytes"), "n"], [say("time"), "n"]],
    status.ended_runs.slice().reverse().map((each) => [
      each.end_time + (each.check ? ` (${say("comparison")})` : ""),
      element("b", each.status, { ALL_OK: "good", PART_OK: "warn" }[each.status] || "bad"),
      spellCount(each.migrate_new), spellCount(each.migrate_update), spellCount(each.migrate_skip),
      spellCount(each.migrate_fail), spellSize(each.bytes), spellSeconds(each.seconds)]));
}

function request(path, options) {
  const token = find("token").value || sessionStorage.getItem(TOKEN) || "";
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE), headers, ...options });
}

async function update() {
  try {
    const answer = await request("/page.json");
    if (!answer.ok) throw new Error(say("the server answers {0}", answer.status));
    show(await answer.json());
  } catch (error) {
    const lost = find("lost");
    lost.textContent = say("No connection to cos-migrate: it has ended, or cannot be reached ({0}). What is shown below is old.", error.message);
    lost.hidden = false;
    setState(say("no connection"), "bad");
  }
  setTimeout(update, document.hidden ? 5 * EVERY : EVERY);
}

async function command(path) {
  const answerText = find("answer");
  try {
    const answer = await request(path, { method: "POST" });
    if (answer.status === 401) {
      answerText.textContent = say("The token is missing or wrong.");
      sessionStorage.removeItem(TOKEN);
      find("token-box").hidden = false;
      find("token").focus();
      return;
    }
    if (!answer.ok) throw new Error(say("the server answers {0}", answer.status));
    if (find("token").value) sessionStorage.setItem(TOKEN, find("token").value);
    find("token-box").hidden = true;
    answerText.textContent = path === "/pause" ? say("No new transfer begins.") : say("Transfers go on.");
  } catch (error) {
    answerText.textContent = say("It failed: {0}", error.message);
  }
}

find("pause").addEventListener("click", () => command("/pause"));
find("resume").addEventListener("click", () => command("/resume"));
update();
