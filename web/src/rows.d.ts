/** Whether this bundle can step through rows; build.js says it. */
declare const ROWS: boolean;
