// @ts-check
/** One node as it is seen: its head, ports, fields, how far it is, what is wrong with it. */

import { icon, make } from "../dom.js";
import { fill, formatSeconds } from "../i18n.js";
import { makeField, putValue, showProblem } from "../workflow_fields.js";
import { endKey, portKey } from "../workflow_document.js";
import { portLabel, portName, stateInWords, typeName } from "./words.js";

/** @import {Desk} from "./desk.js" */
/** @import {Port} from "../workflow_document.js" */
/** @import {DeclaredInput, DeclaredOutput, Literal, NodeProgress, Problem, WorkflowNode} from "../workflow_types.js" */

/**
 * @typedef {object} InputRow
 * @property {DeclaredInput} input
 * @property {HTMLElement} row
 * @property {HTMLElement | null} field
 * @property {HTMLElement} source where it is linked to, in words
 * @property {HTMLButtonElement | null} star
 * @property {Literal | undefined} shown what the field has
 */

export class NodeView {
  /** @type {Map<string, InputRow>} */
  #rows = new Map();
  /** @type {Map<string, HTMLElement>} by the key of the port */
  #ports = new Map();
  /** @type {Map<string, {x: number, y: number}> | null} where the ports are in the node; read once */
  #anchors = null;
  /** @type {{width: number, height: number} | null} read once, as it takes a layout */
  #size = null;
  #desk;
  #body;
  #title = make("h3", { class: "node__title" });
  #time = make("span", { class: "node__time" });
  #fold = make("button", { type: "button", class: "node__button", "data-act": "fold" }, icon("chevron"));
  #menu = make("button", { type: "button", class: "node__button", "data-act": "menu", "aria-haspopup": "menu" }, icon("more"));
  #progress = make("progress", { class: "progress node__progress", max: "1", "aria-hidden": "true" });
  #word = make("p", { class: "node__problem" });
  #preview = make("img", { class: "node__preview", alt: "", width: "240", height: "240", draggable: "false" });
  /** @type {Problem[]} */
  #problems = [];

  /**
   * @param {Desk} desk
   * @param {WorkflowNode} node
   */
  constructor(desk, node) {
    this.#desk = desk;
    this.id = node.id;
    const declared = desk.graph.declaredOf(node.id);
    const body = make("div", { class: "node__body" });
    this.element = make(
      "article",
      { class: "node", tabindex: "0", "data-node": node.id, "data-state": "idle" },
      make("header", { class: "node__head" }, this.#fold, this.#title, this.#time, this.#menu),
      this.#progress,
      body,
      this.#word,
      this.#preview,
    );
    if (declared) this.element.dataset.category = declared.category;
    const inputs = declared?.inputs ?? [];
    const left = inputs.filter(({ takes }) => takes === "link");
    const outputs = declared?.outputs ?? [];
    if (left.length || outputs.length) {
      body.append(
        make(
          "div",
          { class: "node__ports" },
          make("div", { class: "node__side" }, ...left.map((input) => this.#makeRow(input))),
          make("div", { class: "node__side" }, ...outputs.map((output) => this.#makeOutput(output))),
        ),
      );
    }
    const fields = inputs.filter(({ takes }) => takes !== "link");
    body.append(...fields.map((input) => this.#makeRow(input)));
    if (!declared) {
      const text = fill(gettext("The node “%(type)s” is not known here."), { type: node.type });
      body.append(make("p", { class: "node__unknown" }, text));
    }
    this.#body = body;
    this.showMode();
    this.#progress.hidden = true;
    this.#word.hidden = true;
    this.#preview.hidden = true;
    this.update(node);
  }

  /** @param {WorkflowNode} node as it is now */
  update(node) {
    const { x, y } = { x: node.position[0], y: node.position[1] };
    this.moveTo(x, y);
    const { graph, folds } = this.#desk;
    const title = graph.titleOf(this.id);
    this.#title.textContent = title;
    this.#title.title = graph.declaredOf(this.id)?.description ?? "";
    const isFolded = folds.has(this.id);
    this.element.toggleAttribute("data-folded", isFolded);
    this.#fold.setAttribute("aria-expanded", String(!isFolded));
    this.#fold.setAttribute("aria-label", fill(gettext("%(node)s: fold or unfold"), { node: title }));
    this.#menu.setAttribute("aria-label", fill(gettext("%(node)s: more"), { node: title }));
    for (const [name, row] of this.#rows) this.#showInput(name, row, node);
    this.showLinks();
    this.#label();
  }

  /** Take no changes where the graph is looked at alone. */
  showMode() {
    const { isReadOnly } = this.#desk;
    this.#body.inert = isReadOnly;
    this.#menu.hidden = isReadOnly;
  }

  /** Show which ports are linked, and to what. */
  showLinks() {
    const { graph } = this.#desk;
    const outputs = new Set([...graph.edges.values()].map(({ from }) => endKey(from)));
    for (const [key, port] of this.#ports) {
      const [, side = "in", ...rest] = key.split(".");
      /** @type {Port} */
      const one = { node: this.id, side: side === "out" ? "out" : "in", name: rest.join(".") };
      const end = endKey([this.id, one.name]);
      const isLinked = one.side === "out" ? outputs.has(end) : graph.edges.has(end);
      port.toggleAttribute("data-linked", isLinked);
      port.setAttribute("aria-label", portLabel(graph, one));
    }
    for (const [name, { row, source, field }] of this.#rows) {
      const edge = graph.edges.get(endKey([this.id, name]));
      row.toggleAttribute("data-linked", edge !== undefined);
      if (!field) continue;
      field.hidden = edge !== undefined;
      const from = edge && portName(graph, { node: edge.from[0], side: "out", name: edge.from[1] });
      source.hidden = edge === undefined;
      source.querySelector(".node__from")?.replaceChildren(from ? `← ${from}` : "");
    }
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  moveTo(x, y) {
    this.x = x;
    this.y = y;
    this.element.style.transform = `translate(${x}px, ${y}px)`;
  }

  /** @returns {{x: number, y: number, width: number, height: number}} in the graph */
  get rect() {
    const { x = 0, y = 0, element } = this;
    this.#size ??= { width: element.offsetWidth, height: element.offsetHeight };
    return { x, y, ...this.#size };
  }

  /** @param {string} key of a port */
  port(key) {
    return this.#ports.get(key);
  }

  /**
   * @param {"in" | "out"} side
   * @param {string} name
   * @returns {{x: number, y: number}} the middle of a port, in the graph
   */
  anchor(side, name) {
    this.#anchors ??= this.#readAnchors();
    const { x = 0, y = 0 } = this;
    const at = this.#anchors.get(portKey({ node: this.id, side, name })) ?? this.#anchors.get(side);
    return { x: x + (at?.x ?? 0), y: y + (at?.y ?? 0) };
  }

  /** Have it measured anew, for the node has another size. */
  forgetSize() {
    this.#anchors = null;
    this.#size = null;
  }

  #readAnchors() {
    const { element } = this;
    const found = new Map();
    const middle = (element.querySelector(".node__head")?.clientHeight ?? 32) / 2;
    found.set("in", { x: 0, y: middle });
    found.set("out", { x: element.offsetWidth, y: middle });
    if (element.hasAttribute("data-folded")) return found;
    for (const [key, port] of this.#ports) {
      const at = { x: port.offsetWidth / 2, y: port.offsetHeight / 2 };
      /** @type {Element | null} */
      let part = port;
      while (part instanceof HTMLElement && part !== element) {
        at.x += part.offsetLeft;
        at.y += part.offsetTop;
        part = part.offsetParent;
      }
      found.set(key, { x: at.x + element.clientLeft, y: at.y + element.clientTop });
    }
    return found;
  }

  /** @param {NodeProgress | null} progress null while nothing has been told */
  showProgress(progress) {
    const { state = "idle", seconds = null, fraction = null, preview = null } = progress ?? {};
    this.element.dataset.state = state;
    this.#progress.hidden = state !== "running";
    if (fraction === null) this.#progress.removeAttribute("value");
    else this.#progress.value = fraction;
    const isTimed = seconds !== null && state === "done";
    this.#time.textContent = isTimed ? formatSeconds(seconds) : stateInWords(state);
    this.#showPreview(state === "failed" ? null : preview);
    this.#label();
  }

  /** @param {string | null} src of the picture that it has made, or makes */
  #showPreview(src) {
    this.#preview.hidden = src === null;
    if (src !== null && this.#preview.getAttribute("src") !== src) this.#preview.src = src;
  }

  /** @param {Problem[]} problems of this node and its inputs */
  showProblems(problems) {
    if (!problems.length && !this.#problems.length) return;
    this.#problems = problems;
    this.element.toggleAttribute("data-wrong", problems.length > 0);
    const ofInput = Map.groupBy(problems, ({ input }) => (this.#rows.get(input)?.field ? input : ""));
    for (const [name, { field, row }] of this.#rows) {
      const words = (ofInput.get(name) ?? []).map(({ message }) => message).join(" ");
      if (field) showProblem(field, words);
      row.toggleAttribute("data-wrong", problems.some(({ input }) => input === name));
    }
    const others = (ofInput.get("") ?? []).map(({ input, message }) => {
      const title = this.#rows.get(input)?.input.title;
      return title ? `${title}: ${message}` : message;
    });
    this.#word.textContent = others.join(" ");
    this.#word.hidden = others.length === 0;
    this.#label();
  }

  /**
   * @param {string} name of an input
   * @returns {HTMLElement} what has the focus when somebody is led there
   */
  focusTarget(name) {
    const row = this.#rows.get(name);
    const control = row?.field && !row.field.hidden ? row.field.querySelector("input, select, textarea, button") : null;
    const port = this.#ports.get(portKey({ node: this.id, side: "in", name }));
    return control instanceof HTMLElement ? control : (port ?? this.element);
  }

  #label() {
    const { graph } = this.#desk;
    const state = stateInWords(/** @type {"idle"} */ (this.element.dataset.state));
    const count = this.#problems.length;
    const wrong = count ? fill(ngettext("%(count)s problem", "%(count)s problems", count), { count }) : "";
    const label = [graph.titleOf(this.id), state, wrong].filter(Boolean).join(", ");
    this.element.setAttribute("aria-label", label);
  }

  /**
   * @param {string} name
   * @param {InputRow} row
   * @param {WorkflowNode} node
   */
  #showInput(name, row, node) {
    const value = node.inputs[name];
    // What was typed here is here already: to put it again would move the caret.
    if (row.field && value !== row.shown) putValue(row.field, value === undefined ? row.input.default : value);
    row.shown = value;
    if (!row.star) return;
    const isAsked = this.#desk.graph.form.some((one) => one.node === this.id && one.input === name);
    row.star.setAttribute("aria-pressed", String(isAsked));
  }

  /** @param {DeclaredInput} input */
  #makeRow(input) {
    const { name, takes, title, description } = input;
    const source = make(
      "span",
      { class: "node__label", title: description ?? "" },
      make("span", { class: "node__name" }, title),
      make("span", { class: "node__from" }),
    );
    const row = make("div", { class: `node__row node__row--${takes}`, "data-row": name });
    const port = takes === "value" ? null : this.#makePort("in", input);
    const field = takes === "link" ? null : this.#makeField(input);
    const star = takes === "link" ? null : starButton(name, title);
    row.append(...[port, field, source, star].filter((part) => part !== null));
    this.#rows.set(name, { input, row, field, source, star, shown: undefined });
    return row;
  }

  /** @param {DeclaredInput} input */
  #makeField(input) {
    const { graph, life } = this.#desk;
    return makeField(
      input,
      undefined,
      (value) => {
        const row = this.#rows.get(input.name);
        if (row) row.shown = value;
        graph.setInput(this.id, input.name, value);
      },
      life,
    );
  }

  /** @param {DeclaredOutput} output */
  #makeOutput(output) {
    const name = make("span", { class: "node__name" }, output.title);
    return make("div", { class: "node__row node__row--out" }, name, this.#makePort("out", output));
  }

  /**
   * @param {"in" | "out"} side
   * @param {DeclaredInput | DeclaredOutput} declared
   */
  #makePort(side, { name, title, type }) {
    const key = portKey({ node: this.id, side, name });
    const port = make("button", {
      ...{ type: "button", class: `port port--${side}`, "data-port": key, "data-type": type },
      title: `${title} · ${typeName(this.#desk.graph, type)}`,
    });
    this.#ports.set(key, port);
    return port;
  }
}

/**
 * @param {string} name
 * @param {string} title
 */
function starButton(name, title) {
  const label = fill(gettext("%(title)s: ask for it in the form"), { title });
  return make(
    "button",
    {
      ...{ type: "button", class: "node__star", "data-act": "star", "data-input": name },
      ...{ "aria-label": label, title: label, "aria-pressed": "false" },
    },
    icon("star"),
  );
}
