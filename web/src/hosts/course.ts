/**
 * Who hears of a score: the run-time of a course that has this page as a SCORM 1.2 package, the page
 * around this one, and this tab, which goes on where it was when the page is loaded again.
 */
import type { Activity } from "../model/activity";
import type { Course, Report } from "../model/attempt";

/** The part of SCORM 1.2's run-time that is used. Each call returns a text. */
interface Api {
  LMSInitialize(empty: ""): string;
  LMSGetValue(name: string): string;
  LMSSetValue(name: string, value: string): string;
  LMSCommit(empty: ""): string;
  LMSFinish(empty: ""): string;
}

/** As many frames may lie between this page and the run-time. */
const MOST_FRAMES = 10;
/** A run-time need not take more characters. */
const MOST_KEPT = 4096;
/** An answer that is being typed is kept once it rests. */
const KEEP_AFTER_MS = 500;

/** The run-time, which lies in a window around this one, or in the one that opened it. */
function findApi(): Api | null {
  return searched(window) ?? (window.opener ? searched(window.opener) : null);
}

function searched(from: Window): Api | null {
  let place: Window = from;
  try {
    for (let k = 0; k < MOST_FRAMES; k++) {
      const { API } = place as Window & { API?: Api };
      // An element with this id is found by the same name.
      if (typeof API?.LMSInitialize === "function") return API;
      if (place.parent === place) return null;
      place = place.parent;
    }
  } catch {
    // A page of another site, which may not be looked into.
  }
  return null;
}

/** Calls of a run-time, none of which may take the activity away. */
function safely(api: Api | null) {
  const call = (does: (api: Api) => unknown): string => {
    try {
      return api === null ? "" : String(does(api) ?? "");
    } catch {
      return "";
    }
  };
  return {
    begin: () => call((api) => api.LMSInitialize("")),
    get: (name: string) => call((api) => api.LMSGetValue(`cmi.${name}`)),
    set: (name: string, value: string) => call((api) => api.LMSSetValue(`cmi.${name}`, value)),
    commit: () => call((api) => api.LMSCommit("")),
    finish: () => call((api) => api.LMSFinish("")),
  };
}

/** What is kept, and of which activity it is. */
interface Kept {
  readonly of: string;
  readonly kept: unknown;
}

/**
 * The course of an activity.
 *
 * @param key - what tells it from other activities
 */
export function courseOf(activity: Activity, key: string): Course & { close(): void } {
  const course = safely(findApi());
  const began = performance.now();
  const of = fingerprint(key);
  const name = `thermoscope ${of}`;
  course.begin();
  const status = course.get("core.lesson_status");
  if (status === "" || status === "not attempted") course.set("core.lesson_status", "incomplete");
  let told = "";
  let last: Report | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function keep(): void {
    clearTimeout(timer);
    if (last === null) return;
    const written = (kept: unknown) => JSON.stringify({ of, kept } satisfies Kept);
    const whole = written(last.kept);
    store(name, whole);
    course.set("suspend_data", whole.length <= MOST_KEPT ? whole : written(last.brief));
    course.commit();
  }

  function tell({ score, possible, isDone }: Report): void {
    if (parent !== window) {
      const message = { type: "softmax-thermoscope", score, possible, done: isDone };
      // Nothing here is a secret, so any page may read it.
      parent.postMessage(message, "*");
    }
    // Nothing has been done yet: the course knows the score of an earlier visit.
    if (told === "" && course.get("core.score.raw") !== "") return;
    const part = possible > 0 ? score / possible : Number(isDone);
    course.set("core.score.min", "0");
    course.set("core.score.max", "100");
    course.set("core.score.raw", String(Math.round(1000 * part) / 10));
    // A course that has a mastery score makes "passed" or "failed" of it.
    if (isDone) course.set("core.lesson_status", "completed");
  }

  function end(event?: PageTransitionEvent): void {
    keep();
    // The page may come back as it is.
    if (event?.persisted) return;
    course.set("core.session_time", timeText(performance.now() - began));
    course.set("core.exit", last?.isDone ? "" : "suspend");
    course.finish();
  }
  addEventListener("pagehide", end);

  return {
    activity,
    kept: keptOf(course.get("suspend_data"), of) ?? keptOf(stored(name), of),
    report(report) {
      last = report;
      const news = JSON.stringify([report.score, report.isDone]);
      if (news !== told) {
        tell(report);
        told = news;
        keep();
      } else {
        clearTimeout(timer);
        timer = setTimeout(keep, KEEP_AFTER_MS);
      }
    },
    close() {
      removeEventListener("pagehide", end);
      end();
    },
  };
}

/** A few characters that differ from those of other texts. */
function fingerprint(text: string): string {
  let hash = 5381;
  for (let at = 0; at < text.length; at++) hash = (33 * hash + text.charCodeAt(at)) >>> 0;
  return `${text.length.toString(36)}-${hash.toString(36)}`;
}

/** A time as SCORM writes it: hours, minutes and seconds. */
export function timeText(milliseconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const seconds = milliseconds / 1000;
  const hours = String(Math.floor(seconds / 3600)).padStart(4, "0");
  return `${hours}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** What was kept of an activity; null if it is of another one, or was damaged. */
function keptOf(text: string | null, of: string): unknown {
  try {
    const { of: known, kept } = Object(JSON.parse(text || "null")) as Partial<Kept>;
    return known === of ? (kept ?? null) : null;
  } catch {
    return null;
  }
}

/** What this tab has kept. The browser deletes it with the tab, so a later student does not see it. */
function stored(name: string): string | null {
  try {
    return sessionStorage.getItem(name);
  } catch {
    // A frame without an origin has no storage.
    return null;
  }
}

function store(name: string, text: string): void {
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // As above, or it is full: then the page begins anew when it is loaded again.
  }
}
