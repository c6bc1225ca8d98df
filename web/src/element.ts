/** `<softmax-thermoscope>`: the instrument as an element for any page. docs/page.md says how it is used. */
import type { Properties, SoftmaxThermoscope as Public } from "../package/softmax-thermoscope";
import { ATTRIBUTES, type Attribute, ElementHost } from "./hosts/element";
import { leaves } from "./view/embedded";
import { mount } from "./view/mount";
import css from "./view/style.css";

/** What the page around sets for its own text ends at the element, unless a rule names the element. */
const HOST_CSS = `
:host {
  display: block;
  letter-spacing: normal;
  text-indent: 0;
  text-shadow: none;
  text-transform: none;
  white-space: normal;
  word-spacing: normal;
}
:host([hidden]) {
  display: none;
}`;

const PROPERTIES = [...ATTRIBUTES, "truncation"] as const satisfies readonly (keyof Properties)[];

// A server that renders pages has no elements, and may import this.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export class SoftmaxThermoscope extends Base implements Public {
  static readonly observedAttributes = ATTRIBUTES;

  readonly #host = new ElementHost((detail) => {
    this.dispatchEvent(new CustomEvent("change", { bubbles: true, composed: true, detail }));
  });
  /** Attributes that have changed since the host heard of them. */
  readonly #pending = new Set<Attribute>();
  #unmount: (() => void) | null = null;

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    // A policy of the page that forbids inline styles allows style sheets of this kind.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(HOST_CSS + css);
    shadow.adoptedStyleSheets = [sheet];
    // The page hears of changes by one event, which is the element's own.
    shadow.addEventListener("input", (event) => event.stopPropagation());
    for (const type of ["keydown", "keypress", "keyup"]) {
      shadow.addEventListener(type, (event) => this.#keep(event as KeyboardEvent));
    }
  }

  connectedCallback(): void {
    // What was set before the element was defined is a plain property, in front of the real one.
    for (const name of PROPERTIES) {
      if (!Object.hasOwn(this, name)) continue;
      const { [name]: value } = this as Record<string, unknown>;
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
    this.#declare();
    this.#unmount ??= mount(this.shadowRoot!, this.#host);
  }

  disconnectedCallback(): void {
    // An element that is moved is connected again at once, and keeps what can be undone.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#unmount?.();
      this.#unmount = null;
    });
  }

  attributeChangedCallback(name: Attribute): void {
    // Attributes that are set one after another count together, such as logits and their labels.
    if (this.#pending.size === 0) queueMicrotask(() => this.#declare());
    this.#pending.add(name);
  }

  /** Passes on the attributes that have changed. */
  #declare(): void {
    if (this.#pending.size === 0) return;
    const values = ATTRIBUTES.map((name) => [name, this.getAttribute(name)]);
    const changed = new Set(this.#pending);
    this.#pending.clear();
    this.#host.declare(Object.fromEntries(values), changed);
  }

  /** The host, which has heard of every attribute. */
  get #current(): ElementHost {
    this.#declare();
    return this.#host;
  }

  /** Keeps keys for the instrument: a slide deck would take the arrows. Escape gives them back. */
  #keep(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.key === "Tab") return;
    event.stopPropagation();
    if (event.type === "keydown" && leaves(event)) {
      (this.shadowRoot!.activeElement as HTMLElement | null)?.blur();
    }
  }

  /** A text, or nothing, is set as the attribute. */
  #reflect(name: Attribute, value: unknown): boolean {
    if (value == null) this.removeAttribute(name);
    else if (typeof value === "string") this.setAttribute(name, value);
    else return false;
    return true;
  }

  get logits(): Float64Array {
    return this.#current.read().logits;
  }
  set logits(logits: string | Iterable<number> | null) {
    if (!this.#reflect("logits", logits)) this.#current.setLogits(logits);
  }

  get labels(): readonly string[] | null {
    return this.#current.read().labels;
  }
  set labels(labels: string | Iterable<string> | null) {
    if (!this.#reflect("labels", labels) || labels === null) this.#current.setLabels(labels);
  }

  get temperature(): number {
    return this.#current.read().temperature;
  }
  set temperature(temperature: number | string | null) {
    if (!this.#reflect("temperature", temperature)) this.#current.setTemperature(temperature);
  }

  get truncation(): Public["truncation"] {
    return this.#current.read().truncation;
  }
  set truncation(truncation: Public["truncation"] | null) {
    this.#current.setTruncation(truncation ?? {});
  }

  get state(): string | null {
    return this.#current.link();
  }
  set state(link: string | null) {
    this.#current.open(String(link ?? ""));
  }

  get hide(): string {
    return this.getAttribute("hide") ?? "";
  }
  set hide(names: string) {
    this.#reflect("hide", String(names ?? ""));
  }

  get lock(): string {
    return this.getAttribute("lock") ?? "";
  }
  set lock(names: string) {
    this.#reflect("lock", String(names ?? ""));
  }

  get probabilities(): Float64Array {
    return this.#current.probabilities();
  }

  override focus(options?: FocusOptions): void {
    this.shadowRoot!.querySelector<HTMLElement>(":is(input, button, select):enabled")?.focus(
      options,
    );
  }
}

// A page may load this twice.
if (globalThis.customElements?.get("softmax-thermoscope") === undefined) {
  globalThis.customElements?.define("softmax-thermoscope", SoftmaxThermoscope);
}
