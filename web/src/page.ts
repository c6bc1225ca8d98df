import { memoryHost } from "./host";
import { explain, mount } from "./mount";
import { readState } from "./state";

const place = document.querySelector("main")!;
try {
  const written = document.querySelector('script[type="application/json"]')!.textContent;
  mount(place, memoryHost(readState(JSON.parse(written!))));
} catch (error) {
  explain(place, error);
}
