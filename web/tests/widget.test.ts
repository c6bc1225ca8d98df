import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { type Model, modelHost } from "../src/hosts/anywidget";
import type { Host } from "../src/model/host";
import { logitsToBytes, type State } from "../src/model/state";
import { stateOf } from "./states";

/** A model as ipywidgets makes it: a change is told at once, and to every view. */
class FakeModel implements Model {
  readonly saved: Record<string, unknown>[] = [];
  private readonly values: Record<string, unknown>;
  private unsaved: Record<string, unknown> = {};
  readonly sent: unknown[] = [];
  private readonly listeners = new Map<string, Set<(content: never) => void>>();

  constructor(state: State) {
    this.values = { ...state, logits: logitsToBytes(state.logits) };
  }
  get(name: string): unknown {
    return this.values[name];
  }
  set(name: string, value: unknown): void {
    this.unsaved[name] = value;
    this.arrive({ [name]: value });
  }
  save_changes(): void {
    this.saved.push(this.unsaved);
    this.unsaved = {};
  }
  send(content: unknown): void {
    this.sent.push(content);
  }
  /** What `send` in the kernel brings. */
  hear(content: unknown): void {
    for (const listener of this.listeners.get("msg:custom") ?? []) listener(content as never);
  }
  on(event: string, listener: (content: never) => void): void {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event)!.add(listener);
  }
  off(event: string, listener: (content: never) => void): void {
    this.listeners.get(event)?.delete(listener);
  }
  /** What a message from the kernel brings: all of it is there when the first part is told. */
  arrive(values: Record<string, unknown>): void {
    const changed = Object.keys(values).filter((name) => this.values[name] !== values[name]);
    Object.assign(this.values, values);
    for (const name of changed) {
      for (const listener of this.listeners.get(`change:${name}`) ?? [])
        listener(undefined as never);
    }
  }
  get followers(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

const STATE = stateOf([2, -1], { labels: ["cat", "dog"], source: "given" });

function heard(host: Host): Partial<State>[] {
  const changes: Partial<State>[] = [];
  host.subscribe((change) => changes.push(change));
  return changes;
}

const bytes = (...logits: number[]) => logitsToBytes(Float64Array.from(logits));

describe("the host over a widget's model", () => {
  let model: FakeModel;
  beforeEach(() => {
    vi.useFakeTimers();
    model = new FakeModel(STATE);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("sends many logits once a drag of one of them has ended", () => {
    const host = modelHost(model);
    const many = (value: number) => new Float64Array(30_000).fill(value);
    host.write({ logits: many(1), source: "given", seed: null }, false);
    host.write({ logits: many(2) }, false);
    vi.runAllTimers();
    expect(model.saved).toEqual([]);
    host.write({ logits: many(3) }, true);
    expect(model.saved).toEqual([{ logits: logitsToBytes(many(3)), source: "given", seed: null }]);
    host.write({ logits: Float64Array.of(1, 2) }, false);
    vi.runAllTimers();
    expect(model.saved).toHaveLength(2);
  });

  it("reads the state that lies in the model", () => {
    expect(modelHost(model).read()).toEqual(STATE);
    model.arrive({ temperature: "inf", labels: null, source: null });
    expect(modelHost(model).read()).toEqual({
      ...STATE,
      temperature: Infinity,
      labels: null,
      source: null,
    });
  });

  it("saves at once when a gesture has ended", () => {
    modelHost(model).write({ temperature: Infinity }, true);
    expect(model.saved).toEqual([{ temperature: "inf" }]);
  });

  it("saves new logits, and what goes with them, as one change", () => {
    const logits = Float64Array.of(1, 2, 3);
    modelHost(model).write({ logits, labels: null, source: null }, true);
    expect(model.saved).toEqual([{ logits: bytes(1, 2, 3), labels: null, source: null }]);
  });

  it("saves every 50 ms of a drag, the last moment too, and nothing after", () => {
    const host = modelHost(model);
    for (let i = 1; i <= 20; i++) {
      host.write({ temperature: i }, false);
      vi.advanceTimersByTime(10);
    }
    expect(model.saved.length).toBe(4);
    host.write({ temperature: 21 }, true);
    expect(model.saved.at(-1)).toEqual({ temperature: 21 });
    const count = model.saved.length;
    vi.advanceTimersByTime(1000);
    expect(model.saved.length).toBe(count);
  });

  it("never hears its own changes", async () => {
    const host = modelHost(model);
    const changes = heard(host);
    host.write({ temperature: 2 }, false);
    host.write({ temperature: 3 }, true);
    await Promise.resolve();
    expect(changes).toEqual([]);
  });

  it("hears each change of another view of the model before it is saved", async () => {
    const one = modelHost(model);
    const changes = heard(modelHost(model));
    for (const temperature of [2, 3]) {
      one.write({ temperature }, false);
      await Promise.resolve();
    }
    expect(changes).toEqual([{ temperature: 2 }, { temperature: 3 }]);
    expect(model.saved).toEqual([]);
  });

  it("hears a change from the kernel once, whole", async () => {
    const changes = heard(modelHost(model));
    model.arrive({ labels: ["a", "b", "c"], logits: bytes(1, 2, 3), temperature: "inf" });
    await Promise.resolve();
    expect(changes).toEqual([
      { labels: ["a", "b", "c"], logits: Float64Array.of(1, 2, 3), temperature: Infinity },
    ]);
    expect(model.saved).toEqual([]);
  });

  it("waits for the rest where the parts of a change come one by one", async () => {
    const changes = heard(modelHost(model));
    model.arrive({ logits: bytes(1, 2, 3) });
    await Promise.resolve();
    expect(changes).toEqual([]);
    model.arrive({ labels: ["a", "b", "c"] });
    await Promise.resolve();
    expect(changes).toEqual([{ logits: Float64Array.of(1, 2, 3), labels: ["a", "b", "c"] }]);
  });

  it("is not thrown back by the kernel's echo of an earlier moment of a drag", async () => {
    const dragged = modelHost(model);
    const changes = heard(dragged);
    const elsewhere = heard(modelHost(model));
    dragged.write({ temperature: 2 }, false);
    vi.advanceTimersByTime(50);
    dragged.write({ temperature: 3 }, false);
    await Promise.resolve();
    model.arrive({ temperature: 2 });
    await Promise.resolve();
    vi.advanceTimersByTime(50);
    expect(model.saved).toEqual([{ temperature: 2 }, { temperature: 3 }]);
    expect(model.get("temperature")).toBe(3);
    expect(changes).toEqual([]);
    expect(elsewhere.at(-1)).toEqual({ temperature: 3 });
    expect(elsewhere).not.toContainEqual({ temperature: 2 });
    // The gesture is over: now the kernel's word counts.
    model.arrive({ temperature: 5 });
    await Promise.resolve();
    expect(changes).toEqual([{ temperature: 5 }]);
  });

  it("saves what is left and lets go of the model when it is closed", async () => {
    const host = modelHost(model);
    const changes = heard(host);
    host.write({ temperature: 2 }, false);
    host.close();
    expect(model.saved).toEqual([{ temperature: 2 }]);
    expect(model.followers).toBe(0);
    model.arrive({ temperature: 4 });
    await Promise.resolve();
    expect(changes).toEqual([]);
  });

  it("stops telling a listener that has gone", async () => {
    const host = modelHost(model);
    const changes: unknown[] = [];
    host.subscribe((change) => changes.push(change))();
    model.arrive({ temperature: 4 });
    await Promise.resolve();
    expect(changes).toEqual([]);
  });

  it("has rows where the model has, and asks the kernel for them", async () => {
    expect(modelHost(model).rows).toBeUndefined();
    model.arrive({ _rows: { count: 3, orders: ["given"] } });
    const rows = modelHost(model).rows!;
    expect(rows.count).toBe(3);
    const answers = [1, 2].map((place) => rows.ask({ order: "given", place }));
    const [one, two] = model.sent as { id: number; ask: unknown }[];
    expect(one!.ask).toEqual({ order: "given", place: 1 });
    model.hear({ id: two!.id, error: "row 2 is damaged" });
    model.hear({ id: -1, answer: "for another view" });
    model.hear({ id: one!.id, answer: { row: 1 } });
    await expect(answers[0]).resolves.toEqual({ row: 1 });
    await expect(answers[1]).rejects.toThrow("row 2 is damaged");
  });

  it("asks the kernel for the page, once the kernel has what is shown", async () => {
    const host = modelHost(model);
    host.write({ temperature: 4 }, false);
    const page = host.html!(host.read());
    const [request] = model.sent as { id: number }[];
    expect(request).toEqual({ id: request!.id, page: true });
    expect(model.saved).toEqual([{ temperature: 4 }]);
    model.hear({ id: request!.id, answer: "<!doctype html>" });
    await expect(page).resolves.toBe("<!doctype html>");
  });

  it("waits for the kernel for half a minute, and not after it is closed", async () => {
    model.arrive({ _rows: { count: 3, orders: ["given"] } });
    const host = modelHost(model);
    const late = host.rows!.ask({ order: "given" });
    vi.advanceTimersByTime(30_000);
    await expect(late).rejects.toThrow("no answer from the kernel");
    const open = host.rows!.ask({ order: "given" });
    host.close();
    await expect(open).rejects.toThrow("closed");
    expect(model.followers).toBe(0);
  });
});

test("the kernel hides and locks parts", () => {
  const model = new FakeModel(STATE);
  const host = modelHost(model);
  expect(host.frame!.value).toEqual({ hide: [], lock: [] });
  model.arrive({ hide: ["why"], lock: ["logits"] });
  expect(host.frame!.value).toEqual({ hide: ["why"], lock: ["logits"] });
  host.close();
  expect(model.followers).toBe(0);
});
