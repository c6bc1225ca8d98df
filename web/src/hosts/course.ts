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
      if (API) return API;
      if (place.parent === place) return null;
      place = place.parent;
    }
  } catch {
    // A page of another site, which may not be looked into.
  }
  return null;
}

/**
 * The course of an activity.
 *
 * @param key - what tells it from other activities
 */
export function courseOf(activity: Activity, key: string): Course & { close(): void } {
  const api = findApi();
  const began = performance.now();
  const name = `thermoscope ${key}`;
  if (api !== null) {
    api.LMSInitialize("");
    const status = api.LMSGetValue("cmi.core.lesson_status");
    if (status === "" || status === "not attempted") {
      api.LMSSetValue("cmi.core.lesson_status", "incomplete");
    }
  }
  let told = "";
  let last: Report | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function keep(): void {
    clearTimeout(timer);
    if (last === null) return;
    const kept = JSON.stringify(last.kept);
    store(name, kept);
    if (api === null) return;
    api.LMSSetValue("cmi.suspend_data", kept.length <= MOST_KEPT ? kept : "");
    api.LMSCommit("");
  }

  function tell({ score, possible, isDone }: Report): void {
    if (parent !== window) {
      const message = { type: "softmax-thermoscope", score, possible, done: isDone };
      // Nothing here is a secret, so any page may read it.
      parent.postMessage(message, "*");
    }
    if (api === null) return;
    const percent = possible > 0 ? Math.round((1000 * score) / possible) / 10 : 0;
    api.LMSSetValue("cmi.core.score.min", "0");
    api.LMSSetValue("cmi.core.score.max", "100");
    api.LMSSetValue("cmi.core.score.raw", String(percent));
    // A course that has a mastery score makes "passed" or "failed" of it.
    if (isDone) api.LMSSetValue("cmi.core.lesson_status", "completed");
  }

  function end(): void {
    keep();
    if (api === null) return;
    api.LMSSetValue("cmi.core.session_time", timeText(performance.now() - began));
    api.LMSSetValue("cmi.core.exit", last?.isDone ? "" : "suspend");
    api.LMSFinish("");
  }
  addEventListener("pagehide", end, { once: true });

  return {
    activity,
    kept: parsed(api?.LMSGetValue("cmi.suspend_data") || stored(name)),
    report(report) {
      last = report;
      const news = JSON.stringify([report.score, report.isDone]);
      if (news !== told) {
        told = news;
        tell(report);
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

/** A time as SCORM writes it: hours, minutes and seconds. */
export function timeText(milliseconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const seconds = milliseconds / 1000;
  const hours = String(Math.floor(seconds / 3600)).padStart(4, "0");
  return `${hours}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function parsed(text: string | null): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** What this tab has kept: the answers go with it, and nobody who comes later sees them. */
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
