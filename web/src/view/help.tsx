import { useLayoutEffect, useRef } from "preact/hooks";
import { rowStrings, strings, writingStrings } from "../text/strings";
import { useKeys } from "./keys";

/** What keys do on this page. */
function lists() {
  return [
    ...strings.keys.list,
    ...(ROWS ? rowStrings.keys : []),
    ...(WRITING ? writingStrings.keys : []),
  ];
}

/** The button "?" and the list of all keys that it shows. */
export function Help() {
  const { keys: texts } = strings;
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  useKeys(button, { "?": () => list.current!.togglePopover() });
  // A property, not an attribute: an id would not be unique where a notebook has two views.
  useLayoutEffect(() => {
    button.current!.popoverTargetElement = list.current;
    // An element that has it when it is inserted asks for the focus of the whole page.
    close.current!.autofocus = true;
  }, []);
  return (
    <div class="help">
      <button
        type="button"
        ref={button}
        aria-label={texts.name}
        aria-keyshortcuts="?"
        title={strings.withKey(texts.name, "?")}
      >
        ?
      </button>
      <div
        class="keys"
        ref={list}
        popover="auto"
        role="dialog"
        aria-label={texts.name}
        tabIndex={-1}
      >
        <header>
          <strong>{texts.name}</strong>
          <button type="button" ref={close} onClick={() => list.current!.hidePopover()}>
            {texts.close}
          </button>
        </header>
        {lists().map(([place, does]) => (
          <section key={place} aria-label={place}>
            <p>{place}</p>
            <dl>
              {does.map(([keys, action]) => (
                <div key={action}>
                  <dt>
                    {keys.map((key) => (
                      <kbd key={key}>{texts.shown(key)}</kbd>
                    ))}
                  </dt>
                  <dd>{action}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </div>
  );
}
