/** Whether this bundle can step through rows; build.js says it. */
declare const ROWS: boolean;
/** Whether it can write a text with a model, which are rows too. */
declare const WRITING: boolean;
/** Whether the page itself has that model: then it has no server. */
declare const MODEL: boolean;
/** Whether it can have an activity: tasks, and the making of them. */
declare const ACTIVITY: boolean;
/** Whether its rows may have targets, and so a reliability: a text that is written has none. */
declare const RELIABILITY: boolean;
