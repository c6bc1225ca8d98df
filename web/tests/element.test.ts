/** The host of an element, without a browser: what attributes and properties say, and what is told. */
import { describe, expect, test, vi } from "vitest";
import { SoftmaxThermoscope } from "../src/element";
import { ATTRIBUTES, type Attribute, ElementHost } from "../src/hosts/element";
import type { State } from "../src/model/state";
import { documented, named } from "./documented";
import { drawn, stateOf } from "./states";

type Attributes = Partial<Record<Attribute, string>>;
const NONE = {
  state: null,
  logits: null,
  labels: null,
  temperature: null,
  hide: null,
  lock: null,
} as const;

function declare(host: ElementHost, attributes: Attributes, changed = Object.keys(attributes)) {
  host.declare({ ...NONE, ...attributes }, new Set(changed as Attribute[]));
}

function declared(attributes: Attributes) {
  const host = new ElementHost(() => undefined);
  declare(host, attributes);
  return { ...host.read(), alert: host.alert.value };
}

const PETS = stateOf([2, 1, 0.1], { labels: ["cat", "dog", "eel"], source: "given" });
const pets = { logits: "2,1,0.1", labels: "cat,dog,eel" };

describe("what the attributes say", () => {
  test.each<[Attributes, State]>([
    [{}, drawn(5, 0)],
    [pets, PETS],
    [
      { ...pets, temperature: "0.5" },
      { ...PETS, temperature: 0.5 },
    ],
    [
      { ...pets, temperature: "inf" },
      { ...PETS, temperature: Infinity },
    ],
    [{ logits: "2,\n 1,\n 0.1", labels: pets.labels }, PETS],
    [{ labels: "cat,dog" }, drawn(2, 0, { labels: ["cat", "dog"] })],
    [{ logits: "1e+21,-inf" }, stateOf([1e21, -Infinity], { source: "given" })],
    [{ labels: "a+b,salt\\, pepper" }, drawn(2, 0, { labels: ["a+b", "salt, pepper"] })],
    [{ state: "#n=4&seed=7&T=2" }, drawn(4, 7, { temperature: 2 })],
    // A single attribute comes before the state, which says where T stands among the steps.
    [
      { state: "n=3&seed=7&top_k=2&T=2&top_p=0.9", temperature: "0.5" },
      drawn(3, 7, {
        temperature: 0.5,
        truncation: { top_k: 2, top_p: 0.9, order: ["top_k", "temperature", "top_p"] },
      }),
    ],
    [
      { state: "n=3&seed=7&top_p=0.9", temperature: "0.5" },
      drawn(3, 7, { temperature: 0.5, truncation: { top_p: 0.9 } }),
    ],
    [
      { state: "n=3&seed=7&T=2", ...pets },
      { ...PETS, temperature: 2 },
    ],
    [{ state: "n=3&seed=7", labels: pets.labels }, drawn(3, 7, { labels: PETS.labels })],
  ])("%j", (attributes, state) => {
    expect(declared(attributes)).toEqual({ ...state, alert: "" });
  });

  test("parts", () => {
    const host = new ElementHost(() => undefined);
    expect(host.frame.value).toEqual({ embed: true });
    declare(host, { state: "hide=why,title&lock=logits", hide: "values" });
    expect(host.frame.value).toEqual({ hide: ["values"], lock: ["logits"], embed: true });
    declare(host, { hide: "why,all" });
    expect(host.frame.value).toEqual({ hide: ["why"], embed: true });
    expect(host.alert.value).toMatch(/hide must be .* got “all”\.$/);
  });
});

describe("what is wrong is told, and changes nothing", () => {
  test.each<[Attributes, string]>([
    [{ logits: "2,one" }, "logits[1] must be a number, “inf”, “-inf” or “nan”, got “one”."],
    [{ logits: "" }, "logits[0] must be a number, “inf”, “-inf” or “nan”, got “(empty)”."],
    [{ temperature: "hot" }, "T must be a number ≥ 0 or “inf”, got “hot”."],
    [{ temperature: "1&n=3" }, "T must be a number ≥ 0 or “inf”, got “1&n=3”."],
    [{ state: "colour=red" }, "“colour=red” has no use here."],
  ])("%j", (attributes, error) => {
    const host = new ElementHost(() => undefined);
    declare(host, { ...pets, temperature: "2" });
    // Where `state` is changed, all that it does not say is as in a new element.
    const keeps = attributes.state === undefined;
    declare(host, { ...(keeps && pets), ...attributes }, Object.keys(attributes));
    expect(host.alert.value).toBe(`Not all of what this page sets here is used. ${error}`);
    expect(host.read()).toEqual(keeps ? { ...PETS, temperature: 2 } : drawn(5, 0));
    declare(host, pets);
    expect(host.alert.value).toBe("");
  });

  test("labels that do not fit", () => {
    expect(declared({ logits: "2,1", labels: "cat" })).toEqual({
      ...stateOf([2, 1], { source: "given" }),
      alert:
        "Not all of what this page sets here is used. labels must be 2, one for each logit, got “cat”.",
    });
  });

  test.each<[string, (host: ElementHost) => void, string]>([
    ["a negative T", (host) => host.setTemperature(-1), "temperature must be a number ≥ 0"],
    ["a text as T", (host) => host.setTemperature([]), "temperature must be a number ≥ 0"],
    ["NaN as T", (host) => host.setTemperature(NaN), "got “NaN”."],
    ["no logits", (host) => host.setLogits([]), "logits must be numbers, at least one"],
    ["one number", (host) => host.setLogits(3), "logits must be numbers, at least one, got “3”."],
    ["texts as logits", (host) => host.setLogits([1, "2"]), "logits[1] must be a number"],
    ["an object", (host) => host.setLogits(Object.create(null)), "got “object”."],
    ["too few labels", (host) => host.setLabels(["cat"]), "labels must be 3, one for each logit"],
    ["numbers as labels", (host) => host.setLabels([1, 2, 3]), "got “1,2,3”."],
    ["an unknown engine", (host) => host.setTruncation({ engine: "gpt" }), "engine must be one of"],
    ["a wrong p", (host) => host.setTruncation({ top_p: 2 }), "top_p"],
    ["an unknown link", (host) => host.open("colour=red"), "“colour=red” has no use here."],
  ])("%s as a property", (_, set, error) => {
    const host = new ElementHost(() => undefined);
    declare(host, pets);
    set(host);
    expect(host.alert.value).toContain(error);
    if (!error.includes("colour")) expect(host.read()).toEqual(PETS);
  });
});

describe("an attribute that changes", () => {
  test("leaves what the user made of the others", () => {
    const host = new ElementHost(() => undefined);
    declare(host, { ...pets, temperature: "2" });
    host.write({ temperature: 0.3 }, true);
    declare(host, { logits: "5,6", temperature: "2" }, ["logits", "labels"]);
    expect(host.read()).toEqual(stateOf([5, 6], { source: "given", temperature: 0.3 }));
    declare(host, { logits: "5,6", temperature: "2" }, ["temperature"]);
    expect(host.read().temperature).toBe(2);
    declare(host, {}, ["temperature", "logits"]);
    expect(host.read()).toEqual(drawn(5, 0));
  });

  test("is heard by the view, and not told to the page", () => {
    const tell = vi.fn();
    const host = new ElementHost(tell);
    const heard: Partial<State>[] = [];
    const unsubscribe = host.subscribe((change) => heard.push(change));
    declare(host, { temperature: "2" });
    expect(heard).toEqual([{ temperature: 2 }]);
    unsubscribe();
    declare(host, { temperature: "3" });
    expect(heard).toHaveLength(1);
    expect(tell).not.toHaveBeenCalled();
  });
});

test("properties", () => {
  const host = new ElementHost(() => undefined);
  declare(host, pets);
  host.setTemperature(Infinity);
  host.setLogits(Float32Array.of(3, 2, 1));
  expect(host.read()).toEqual({ ...PETS, logits: Float64Array.of(3, 2, 1), temperature: Infinity });
  host.setLogits([0, 0]);
  expect(host.read().labels).toBeNull();
  host.setLabels(["yes", "no"]);
  host.setTruncation({ top_k: 1 });
  expect(host.link()).toBe("logits=0,0&labels=yes,no&T=inf&top_k=1");
  expect(host.probabilities()).toEqual(Float64Array.of(0.5, 0.5));
  host.setLabels(null);
  host.open(`#${host.link()}`);
  expect(host.read()).toEqual(
    stateOf([0, 0], { source: "given", temperature: Infinity, truncation: { top_k: 1 } }),
  );
});

test("a change by the user is told", () => {
  const tell = vi.fn();
  const host = new ElementHost(tell);
  declare(host, { ...pets, temperature: "hot" });
  expect(host.alert.value).not.toBe("");
  host.write({ temperature: 0.5 }, false);
  expect(tell).toHaveBeenLastCalledWith({
    state: "logits=2,1,0.1&labels=cat,dog,eel&T=0.5",
    temperature: 0.5,
    settled: false,
  });
  expect(host.alert.value).toBe("");
  host.write({ logits: new Float64Array(5000), labels: null }, true);
  expect(tell).toHaveBeenLastCalledWith({ state: null, temperature: 0.5, settled: true });
});

test("the documentation has every attribute and property", () => {
  const tables = documented("The element").split("| property |");
  expect(named(tables[0]!)).toEqual([...ATTRIBUTES]);
  const members = Object.entries(Object.getOwnPropertyDescriptors(SoftmaxThermoscope.prototype));
  const properties = members.filter(([name, { get }]) => get && name !== "current");
  const listed = named(tables[1]!.split("| event |")[0]!);
  expect(new Set(listed)).toEqual(new Set(properties.map(([name]) => name)));
});
