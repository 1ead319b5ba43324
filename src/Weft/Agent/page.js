// The page of Weft's agent: asks the API of the agent that served it, shows what it says, and changes nothing.

const REACH_PAUSE = 15_000; // ms; the agent itself asks no more often than every 10 s.
const SILENCE = 90_000; // ms; the agent tells of a round each minute at least.
const PATIENCE = 10_000; // ms that an answer may take; where many are asked whether they are reached, it takes its time.
const REACH_PATIENCE = 60_000;
const LOOK_PAUSE = 500; // ms between two looks at how the host stands.
const FOLD = 12; // Containers that a host shows without being asked to.
const FAN = 5; // Other hosts that each have a cord of their own to this one.
const MOST_STRANDS = 6;
const MOST_EVENTS = 200;
const SIGNS = { ok: "✓", waiting: "…", missing: "−", differs: "~", error: "✗", down: "✗", partly: "~" };
const WORDS = { ok: "as intended", waiting: "awaited", missing: "missing", differs: "differs", error: "does not work" };
const GRAVITY = ["ok", "waiting", "differs", "missing", "error"];

const model = { overlay: null, agent: null, reach: null, traffic: null, rates: new Map(), lost: null, skew: 0 };
const id = (name) => document.getElementById(name);

// ── Elements ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** An element: `h("p", { class: "soft" }, "text", child)`; what is null or false is left out. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Makes what is there like what is wanted and touches nothing that is so already: focus, folds and scrolling stay. */
function patch(there, wanted) {
  const old = [...there.childNodes];
  const next = [...wanted.childNodes];
  next.forEach((node, index) => {
    const before = old[index];
    if (!before) there.append(node);
    else if (before.nodeType !== node.nodeType || before.nodeName !== node.nodeName) before.replaceWith(node);
    else if (node.nodeType === Node.TEXT_NODE) {
      if (before.data !== node.data) before.data = node.data;
    } else {
      for (const { name } of [...before.attributes]) {
        if (name !== "open" && !node.hasAttribute(name)) before.removeAttribute(name);
      }
      for (const { name, value } of node.attributes) {
        if (before.getAttribute(name) !== value) before.setAttribute(name, value);
      }
      patch(before, node);
    }
  });
  old.slice(next.length).forEach((node) => node.remove());
}

const show = (name, ...children) => patch(id(name), h("div", null, ...children));
const sign = (state) => h("span", { class: `sign ${state}`, "aria-hidden": "true" }, SIGNS[state]);
const unseen = (text) => h("span", { class: "unseen" }, text);

// ── Words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

function bytes(rate) {
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  let unit = 0;
  while (rate >= 999.5 && unit < units.length - 1) {
    rate /= 1000;
    unit++;
  }
  return `${rate >= 99.5 || unit === 0 ? Math.round(rate) : rate.toPrecision(2)} ${units[unit]}`;
}

function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() + model.skew - Date.parse(time)) / 1000));
  return seconds < 2 ? "just now"
    : seconds < 120 ? `${seconds} s ago`
    : seconds < 7200 ? `${Math.round(seconds / 60)} min ago`
    : `${Math.round(seconds / 3600)} h ago`;
}

/** With the date where that is not today: the agent remembers what happened for as long as it runs. */
function clock(time) {
  const at = new Date(time);
  const day = at.toDateString() === new Date().toDateString() ? ""
    : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })} `;
  return day + at.toLocaleTimeString("en-GB");
}
const worst = (items) => items.reduce((bad, item) => (GRAVITY.indexOf(item.state) > GRAVITY.indexOf(bad) ? item.state : bad), "ok");
const hue = (network) => `n${Math.max(0, model.overlay.networks.findIndex((one) => one.name === network)) % 8}`;

/** What belongs to a name, found by it: an overlay may have a thousand hosts. */
function index(list, nameOf) {
  const found = Map.groupBy(list, nameOf);
  return (name) => found.get(name) ?? [];
}

let containersOn, addressesOf, itemsNamed, answersOf;

function indexOverlay() {
  const { containers, networks } = model.overlay;
  containersOn = index(containers, (one) => one.host);
  addressesOf = index(networks.flatMap((network) => network.hosts.map((one) => ({ ...one, network: network.name }))), (one) => one.host);
}

const itemsOf = (kinds, name) => itemsNamed(name).filter((item) => kinds.includes(item.kind));

// ── What is shown ───────────────────────────────────────────────────────────────────────────────────────────────────

let drawing = null;

/** Draws all with the next frame, once for all that changed until then. */
function draw() {
  drawing ??= requestAnimationFrame(() => {
    drawing = null;
    if (model.overlay && model.agent) drawAll();
  });
}

function drawAll() {
  drawVerdict();
  drawLegend();
  drawMap();
  drawTroubles();
  drawItems();
  drawThreads();
}

function drawVerdict() {
  const { overlay, agent, lost } = model;
  const [state, words] = lost ? ["down", `The agent does not answer since ${clock(lost)}; this is how it stood then`]
    : !agent.host ? [agent.problem ? "error" : "waiting", agent.problem ?? "The agent looks at the host for the first time"]
    : agent.problem || !agent.host.healthy ? ["error", `${overlay.host} is not as intended`]
    : agent.refused.length ? ["differs", `${overlay.host} is as intended by the file before: the new one has mistakes`]
    : ["ok", `${overlay.host} is as intended`];
  id("verdict").className = state;
  show("verdict", sign(state), words);
  show("title", overlay.name);
  document.title = `${SIGNS[state]} ${overlay.host} · ${overlay.name} – Weft`;
  id("hosts").classList.toggle("stale", Boolean(lost));
  drawPulse();
}

function drawPulse() {
  const { agent, lost } = model;
  if (!agent) return;
  show("pulse", lost ? "asking again…"
    : !agent.rounds ? "live · looks for the first time"
    : `live · last look ${ago(agent.lastRound)}, ${agent.lastRoundMilliseconds.toFixed(0)} ms`);
}

function drawLegend() {
  const { networks, tunnels, mtu, hosts, containers } = model.overlay;
  show("legend", h("ul", { "aria-label": "Networks" },
    networks.map((network) => h("li", { class: `net ${hue(network.name)}` },
      h("b", null, network.name),
      h("small", null, `VLAN ${network.vlan} · ${network.subnets.join(", ")}`)))),
    h("p", { class: "soft" },
      `${count(hosts.length, "host")}, ${count(containers.length, "container")}, ${count(networks.length, "network")}; `,
      `${tunnels.type} tunnels, ${tunnels.encryption ? "encrypted" : "not encrypted"}, MTU ${mtu}`));
}

function drawMap() {
  const { hosts, host } = model.overlay;
  const here = hosts.find((one) => one.name === host);
  const peers = hosts.filter((one) => one.name !== host);
  show("hosts", h("div", { class: peers.length > FAN ? "map long" : "map" },
    hostCard(here, "here host"),
    peers.length > 0 && h("ul", { class: "peers", "aria-label": "Other hosts" },
      peers.map((peer) => h("li", { class: "peer" }, tunnel(peer), hostCard(peer, "host"))))));
}

const unfolded = new Set();

function hostCard(host, style) {
  const { overlay } = model;
  const isHere = host.name === overlay.host;
  const containers = containersOn(host.name);
  const selections = overlay.selections.filter((one) => !isHere && (one.host ?? host.name) === host.name);
  const list = () => h("ul", { class: "places", "aria-label": `Containers on ${host.name}` },
    containers.map((container) => containerRow(container, isHere)),
    selections.map((one) => h("li", { class: "soft" }, `and those labelled ${one.labels.join(", ")}`)));
  return h("article", { class: style, "aria-label": host.name },
    h("h3", null, host.name, " ", isHere && h("span", { class: "badge" }, "this host")),
    h("p", { class: "soft" }, h("span", { class: "address" }, host.address),
      host.local && [" translated to ", h("span", { class: "address" }, host.local)]),
    addressesOf(host.name).map((one) => place(one.network, one.addresses)),
    containers.length > FOLD
      ? h("details", { "data-host": host.name },
          h("summary", null, count(containers.length, "container")),
          unfolded.has(host.name) && list())
      : containers.length + selections.length > 0 && list());
}

function containerRow(container, isHere) {
  const items = isHere ? itemsOf(["container"], container.name) : [];
  const state = worst(items);
  const wrong = items.filter((item) => item.detail);
  return h("li", null,
    h("p", { class: "container" },
      items.length > 0 && sign(state), container.name, " ", h("small", null, container.engine),
      items.length > 0 && unseen(`, ${WORDS[state]}`)),
    container.attachments.map((one) => place(one.network, one.addresses)),
    wrong.map((item) => h("p", { class: item.state }, h("small", { class: item.state }, item.detail))));
}

const place = (network, addresses) => h("p", { class: `net ${hue(network)}` }, h("span", null,
  addresses.length > 0 ? addresses.map((address) => [h("span", { class: "address" }, address), " "]) : "no address yet ",
  h("small", null, network)));

function tunnel(peer) {
  const { tunnels } = model.overlay;
  const items = itemsOf(["tunnel", "guard", "encryption"], peer.name);
  const state = items.length === 0 ? "waiting" : worst(items);
  const rate = model.rates.get(peer.name);
  const reached = reachOf(peer.name);
  const words = state === "ok" ? "up" : items.length === 0 ? "not known" : state === "waiting" ? WORDS.waiting : "not as intended";
  return h("p", { class: "tunnel" },
    h("span", null, unseen(`Tunnel to ${peer.name}: `), h("b", null, tunnels.type), " ",
      h("span", { class: state }, sign(state), words)),
    h("span", { class: tunnels.encryption ? "" : "soft" }, tunnels.encryption
      ? items.length === 0 ? "to be encrypted" : itemsOf(["encryption"], peer.name).every((item) => item.state === "ok") ? "encrypted" : "encryption not as intended"
      : "not encrypted"),
    rate && h("span", { class: "soft" }, unseen("in "), h("span", { "aria-hidden": "true" }, "↓ "), bytes(rate.in),
      unseen(", out"), h("span", { "aria-hidden": "true" }, " ↑"), ` ${bytes(rate.out)}`),
    reached && h("span", { class: reached.state }, reached.words));
}

/** Whether what is on another host has answered; who here could not ask says nothing about it. */
function reachOf(host) {
  const results = (model.reach ? answersOf(host) : []).filter((one) => !["no-address", "not-running"].includes(one.outcome));
  if (results.length === 0) return null;
  const answers = results.filter((result) => result.outcome === "reached").map((result) => result.milliseconds);
  return answers.length === 0 ? { state: "error", words: "nothing there answers" }
    : answers.length < results.length ? { state: "differs", words: "not all there answers" }
    : { state: "ok", words: `answers in ${Math.min(...answers).toFixed(1)} ms` };
}

// Ways of one strand, by how far it is beside the middle of its cord: straight out of this host to each of few others, by one
// trunk to each of many, and down the margin of a phone.
const fanned = (from, to, label, start, offset) => {
  const half = (label.left - from.right) / 2;
  const end = to.middle - offset;
  return `M${from.right} ${start + offset} C${from.right + half} ${start + offset} ${label.left - half} ${end} ${label.left} ${end} H${to.left}`;
};
const byTrunk = (from, to, label, start, offset) => {
  const [trunk, begin, end] = [from.right + 48 + offset, start + offset, to.middle - offset];
  const bend = Math.min(16, Math.abs(end - begin) / 2) * Math.sign(end - begin);
  return `M${from.right} ${begin} H${trunk - 16} Q${trunk} ${begin} ${trunk} ${begin + bend} V${end - bend} Q${trunk} ${end} ${trunk + 16} ${end} H${to.left}`;
};
const below = (from, to, label, start, offset) => {
  const [margin, end] = [from.left + 16 + offset, to.middle - offset];
  return `M${margin} ${from.bottom} V${end - 18 + 2 * offset} Q${margin} ${end} ${to.left} ${end}`;
};

/** The tunnels: a cord of one strand a network from this host to each other one. */
function drawThreads() {
  const map = document.querySelector(".map");
  const here = map?.querySelector(".here");
  if (!here) return;
  const svg = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(svg, "svg");
  picture.setAttribute("class", "threads");
  picture.setAttribute("aria-hidden", "true");
  const origin = map.getBoundingClientRect();
  const box = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const middle = (top + bottom) / 2 - origin.top;
    return { left: left - origin.left, right: right - origin.left, middle, bottom: bottom - origin.top, height: bottom - top };
  };
  const from = box(here);
  const peers = [...map.querySelectorAll(".peer")];
  const strands = model.overlay.networks.slice(0, MOST_STRANDS);
  const names = model.overlay.hosts.filter((host) => host.name !== model.overlay.host).map((host) => host.name);
  const spread = Math.min(36, (from.height * 0.8) / Math.max(1, peers.length));
  peers.forEach((peer, index) => {
    const to = box(peer.querySelector(".host"));
    const label = box(peer.querySelector(".tunnel"));
    const isBeside = to.left > from.right;
    const items = itemsOf(["tunnel", "guard", "encryption"], names[index]);
    const isUp = items.length > 0 && worst(items) === "ok";
    const start = from.middle + (peers.length > FAN ? 0 : index - (peers.length - 1) / 2) * spread;
    const path = (offset, style) => {
      const line = document.createElementNS(svg, "path");
      line.setAttribute("class", style);
      line.setAttribute("d", (!isBeside ? below : peers.length > FAN ? byTrunk : fanned)(from, to, label, start, offset));
      picture.append(line);
    };
    strands.forEach((network, strand) => path((strand - (strands.length - 1) / 2) * 5, isUp ? hue(network.name) : "off"));
    const rate = model.rates.get(names[index]);
    if (isUp && rate?.out > 0) path(1.5, `flow ${rate.out > 1e5 ? "busy" : ""}`);
    if (isUp && rate?.in > 0) path(-1.5, `flow back ${rate.in > 1e5 ? "busy" : ""}`);
  });
  const before = map.querySelector(".threads");
  if (before) patch(before, picture);
  else map.prepend(picture);
}

function drawTroubles() {
  const { agent } = model;
  const host = agent.host;
  const row = (state, word, ...text) => h("li", { class: state }, h("span", { class: "word" }, word), " ", h("span", null, ...text));
  const rows = [
    ...(agent.problem && !host?.conflicts.includes(agent.problem) ? [row("error", "Problem:", agent.problem)] : []),
    ...(host?.conflicts ?? []).map((text) => row("error", "In the way:", text)),
    ...agent.refused.map((text) => row("error", "The file is refused:", text)),
    ...(host?.drift ?? []).map((drift) =>
      row("differs", "Drift:", `to ${drift.action} ${drift.what} ${drift.name}${drift.detail && `: ${drift.detail}`}`)),
    ...(host?.items ?? []).filter((item) => item.state === "error").map((item) => row("error", `${item.kind} ${item.name}:`, item.detail)),
    ...agent.retries.map((retry) =>
      row("differs", "Tried again:", `${retry.item} failed ${count(retry.times, "time")}, next at ${clock(retry.until)}: ${retry.reason}`)),
    ...(host?.notices ?? []).map((text) => row("waiting", "Notice:", text)),
  ];
  show("troubles",
    rows.length > 0 ? h("ul", { class: "troubles" }, rows) : h("p", null, host ? [sign("ok"), "Nothing has drifted."] : "Not looked at yet."),
    host?.blocked && h("p", { class: "soft" },
      `Kept from crossing in plaintext since the host was started: ${count(host.blocked.out, "packet")} out, ${host.blocked.in} in.`),
    host?.foreign.length > 0 && h("p", { class: "soft" }, `In the switch and not Weft's, left alone: ${host.foreign.join(", ")}.`));
}

function drawItems() {
  const { agent, overlay } = model;
  const host = agent.host;
  if (!host) {
    show("items", h("p", null, "What is there is not known now."));
    return;
  }
  // The roles are those that the elements have: a phone lays them out as no table, and some readers would take them for none.
  show("items", h("table", { class: "items", role: "table" },
    h("caption", null, `What the overlay has on ${overlay.host} `,
      h("small", null, `Open vSwitch${host.openVSwitch ? ` ${host.openVSwitch}` : ""}, ${host.datapath} datapath, ${agent.file}`)),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
      ["State", "What", "How it is to be"].map((text) => h("th", { scope: "col", role: "columnheader" }, text)))),
    h("tbody", { role: "rowgroup" }, host.items.map((item) => h("tr", { role: "row" },
      h("td", { class: item.state, role: "cell" }, sign(item.state), WORDS[item.state]),
      h("th", { scope: "row", role: "rowheader" }, item.name, " ", h("small", null, item.kind)),
      h("td", { role: "cell" }, item.intended, item.detail && h("div", { class: item.state }, item.detail)))))));
}

/** What may be wider than a phone scrolls by itself, by keyboard too. */
const scroll = (name, table) => h("div", { class: "scroll", role: "region", "aria-label": name, tabindex: "0" }, table);

function drawMatrix() {
  const { results, left, time } = model.reach;
  if (results.length === 0) {
    show("matrix", h("p", null, "Nobody here has an address that somebody else could be asked from."));
    return;
  }
  const key = (end) => (end.container ? `${end.host}/${end.container}` : end.host);
  const nameOf = (end) => end.container ?? end.host;
  const places = new Map(model.overlay.hosts
    .flatMap((one) => [one.name, ...containersOn(one.name).map((inside) => `${one.name}/${inside.name}`)])
    .map((name, place) => [name, place]));
  // A way has both sizes and, where there are two, both families.
  const ways = Map.groupBy(results, (result) => `${result.network} ${key(result.from)} ${key(result.to)}`);
  const isGood = (result) => result.outcome === "reached";
  const closed = [...ways.values()].filter((way) => !way.every(isGood));
  const summary = closed.length === 0
    ? h("p", null, sign("ok"), `All ${count(ways.size, "way")} from here are open.`)
    : h("p", { class: "error" }, sign("error"), `${closed.length} of ${count(ways.size, "way")} from here ${closed.length === 1 ? "is" : "are"} not open.`);
  const words = { "too-long": "too long", "no-address": "no address", "not-running": "not running" };
  const wordOf = (result) => words[result.outcome] ?? result.outcome;
  const familyOf = (result) => (result.to.address.includes(":") ? "IPv6" : "IPv4");
  const cell = (way) => {
    if (!way) return h("td", { class: "soft" }, unseen("not asked"), h("span", { "aria-hidden": "true" }, "–"));
    const good = way.filter(isGood);
    const bad = way.find((result) => !isGood(result));
    if (!bad) return h("td", { class: "ok" }, sign("ok"), Math.min(...good.map((one) => one.milliseconds)).toFixed(2));
    if (good.length === 0) return h("td", { class: "down" }, sign("down"), wordOf(bad));
    return h("td", { class: "partly" }, sign("partly"), good.some((one) => familyOf(one) === familyOf(bad))
      ? `${familyOf(bad)} of ${bad.size} bytes ${wordOf(bad)}`
      : `${familyOf(bad)} ${wordOf(bad)}`);
  };
  show("matrix", summary,
    left > 0 && h("p", { class: "soft" }, `${left} packets more would ask everybody; these are some to each host.`),
    [...Map.groupBy(results, (result) => result.network)].map(([network, asked]) => {
      const sources = index(asked.map((one) => one.from), key);
      const targets = index(asked.map((one) => one.to), key);
      const inOrder = (ends) => [...new Set(ends.map(key))].sort((one, other) => places.get(one) - places.get(other));
      const from = inOrder(asked.map((one) => one.from));
      const rowHeader = ([end, ...more]) => h("th", { scope: "row" }, nameOf(end),
        h("small", null, end.container ? `on ${end.host}, ` : "host, ",
          [...new Set([end, ...more].map((one) => one.address))].map((address) => [h("span", { class: "address" }, address), " "])));
      const sizes = [...new Set(asked.map((one) => one.size))];
      return scroll(`Reachability in ${network}`, h("table", { class: "matrix" },
        h("caption", null, h("span", { class: `net ${hue(network)}` }, network), " ",
          h("small", null, `round trip in ms, packets of ${sizes.join(" and ")} bytes`)),
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "to"),
          from.map((one) => h("th", { scope: "col" }, `from ${nameOf(sources(one)[0])}`)))),
        h("tbody", null, inOrder(asked.map((one) => one.to)).map((to) => h("tr", null,
          rowHeader(targets(to)), from.map((one) => cell(ways.get(`${network} ${one} ${to}`))))))));
    }),
    h("p", { class: "soft" }, `Asked at ${clock(time)}, again while this is in view.`));
}

function tell(event) {
  id("quiet").hidden = true;
  const state = { problem: "error", file: "differs" }[event.kind] ?? "ok";
  id("log").prepend(h("li", null,
    h("time", { datetime: event.time }, clock(event.time)),
    h("span", { class: state }, sign(state), event.kind),
    h("span", { class: "text" }, event.message)));
  while (id("log").childElementCount > MOST_EVENTS) id("log").lastElementChild.remove();
}

// ── What the agent says ─────────────────────────────────────────────────────────────────────────────────────────────

async function ask(path, patience = PATIENCE) {
  // A link that dies without a word gives no error either.
  const answer = await fetch(path, { signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  model.skew = Date.parse(answer.headers.get("date")) - Date.now() || 0;
  return answer.json();
}

let known = "";
let looking = null;
let isLookWanted = false;

/** Looks at how the host stands: at once, but no more often than every so often, and never twice at a time. */
function look() {
  isLookWanted = true;
  looking ??= (async () => {
    while (isLookWanted) {
      isLookWanted = false;
      try {
        const agent = await ask("v1/status");
        // Who is on the map depends on the file and on the containers that the engines have.
        const next = JSON.stringify(agent.host?.items.filter((item) => item.kind === "container").map((item) => [item.name, item.intended]));
        if (next !== known || !model.overlay) {
          model.overlay = await ask("v1/overlay");
          indexOverlay();
        }
        known = next;
        model.agent = agent;
        itemsNamed = index(agent.host?.items ?? [], (item) => item.name);
        if (model.lost) {
          model.lost = null;
          hush();
          listen();
        }
      } catch {
        if (!model.lost) hush();
        model.lost ??= Date.now() + model.skew;
      }
      draw();
      if (!model.reach) reach();
      await new Promise((done) => setTimeout(done, LOOK_PAUSE));
    }
    looking = null;
  })();
  return looking;
}

let reaching = false;

async function reach() {
  if (reaching || !isReachSeen || document.hidden || !model.overlay || model.lost) return;
  reaching = true;
  try {
    model.reach = await ask("v1/reachability", REACH_PATIENCE);
    answersOf = index(model.reach.results, (result) => result.to.host);
    drawMatrix();
    draw();
  } catch (error) {
    // Without an answer there is nothing to show of the agent's, and a look tells whether it is there.
    if (error.name !== "Error") look();
    else if (!model.lost) show("matrix", h("p", { class: "error" }, sign("error"), `${error.message}`));
  }
  reaching = false;
}

let counted = 0;

/** What the switch no longer tells of no longer crosses. */
function settle() {
  if (!model.traffic || performance.now() - counted < 2500 * model.traffic.interval) return;
  model.rates.forEach((rate, peer) => model.rates.set(peer, { in: 0, out: 0 }));
  draw();
}

/** Counters become rates: what they grew by crossed since the switch had counted before, one interval ago. */
function measure(traffic) {
  const before = new Map(model.traffic?.tunnels.map((tunnel) => [tunnel.port, tunnel]));
  const grown = (tunnel, counter) => Math.max(0, tunnel[counter] - (before.get(tunnel.port)?.[counter] ?? tunnel[counter]));
  const rates = traffic.tunnels.map((tunnel) => [tunnel.peer,
    { in: grown(tunnel, "bytesIn") / traffic.interval, out: grown(tunnel, "bytesOut") / traffic.interval }]);
  const isEarly = model.traffic && Date.parse(traffic.time) - Date.parse(model.traffic.time) < 500 * traffic.interval;
  // Of other ports the switch may tell in between.
  if (isEarly && rates.every(([, rate]) => rate.in + rate.out === 0)) return;
  if (model.traffic) model.rates = new Map(rates);
  model.traffic = traffic;
  counted = performance.now();
  draw();
}

let streams = [];
let heard = "";
let spoken = 0;

function listen() {
  if (streams.length > 0 || document.hidden) return;
  spoken = performance.now();
  id("log").setAttribute("aria-live", "off");
  const events = new EventSource(`v1/events?after=${encodeURIComponent(heard)}`);
  // What the agent remembers is told at once; once a look has been taken after that, what comes is news.
  events.onopen = () => look().then(() => events === streams[0] && id("log").setAttribute("aria-live", "polite"));
  events.onerror = look;
  for (const kind of ["change", "problem", "file", "round"]) {
    events.addEventListener(kind, (message) => {
      spoken = performance.now();
      heard = message.lastEventId;
      if (kind !== "round") tell(JSON.parse(message.data));
      if (kind === "file") known = "";
      look();
    });
  }
  const traffic = new EventSource("v1/traffic");
  traffic.onmessage = (message) => measure(JSON.parse(message.data));
  streams = [events, traffic];
}

/** Nobody looks, or nobody answers: nothing is listened to. */
function hush() {
  streams.forEach((stream) => stream.close());
  streams = [];
  model.traffic = null;
  model.rates.clear();
}

/** A link that has died without a word ends no stream: who hears nothing for too long looks, and listens anew. */
function mistrust() {
  if (streams.length === 0 || performance.now() - spoken < SILENCE) return;
  hush();
  listen();
  look();
}

/** What was today is yesterday at midnight. */
const date = () => id("log").querySelectorAll("time").forEach((time) => patch(time, h("time", null, clock(time.dateTime))));

let isReachSeen = false;
new IntersectionObserver((entries) => {
  isReachSeen = entries.at(-1).isIntersecting;
  reach();
}).observe(id("reach"));
new ResizeObserver(drawThreads).observe(id("hosts"));
document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
id("hosts").addEventListener("toggle", ({ target }) => {
  if (target.open) unfolded.add(target.dataset.host);
  else unfolded.delete(target.dataset.host);
  draw();
}, true);
setInterval(drawPulse, 5000);
setInterval(settle, 5000);
setInterval(mistrust, 5000);
setInterval(date, 60_000);
setInterval(reach, REACH_PAUSE);
setInterval(() => model.lost && look(), 3000);
id("zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
listen();
