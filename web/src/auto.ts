/**
 * `<softmax-thermoscope>` in the language that is asked for: by `lang` of the first one in the document or of
 * what is around it, or by the browser. Each language is a file of its own, and one of them is loaded.
 */
import { firstOf } from "./text/language";

// In words that a bundler follows.
const FILES: Readonly<Record<string, () => Promise<unknown>>> = {
  en: () => import("./softmax-thermoscope.js"),
  de: () => import("./softmax-thermoscope.de.js"),
  es: () => import("./softmax-thermoscope.es.js"),
  zh: () => import("./softmax-thermoscope.zh.js"),
  ar: () => import("./softmax-thermoscope.ar.js"),
};

if (globalThis.customElements !== undefined) {
  const { documentElement } = document;
  const first = document.querySelector("softmax-thermoscope") ?? documentElement;
  const around = first.closest("[lang]")?.getAttribute("lang");
  void FILES[firstOf(Object.keys(FILES), [around, ...navigator.languages])]!();
}
