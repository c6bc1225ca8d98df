import { effect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { along, SCALES } from "../math/scales";
import type { Part } from "./part";

/**
 * What stands at T over a plot with the temperature along it. It is moved by an animation that is
 * paused: then a browser moves its layer and nothing else, while a change of style makes it arrange
 * all layers of the page again.
 */
export function Cursor({ instrument, children }: Part & { readonly children: ComponentChildren }) {
  const cursor = useRef<HTMLDivElement>(null);
  const { scale, stop } = instrument;
  useLayoutEffect(() => {
    // Its end is never reached: the animation would be over.
    const travel = cursor.current!.animate(
      { transform: ["translateX(0)", "translateX(200%)"] },
      { duration: 2000, fill: "both" },
    );
    travel.pause();
    const unfollow = effect(() => {
      travel.currentTime = 1000 * along(SCALES[scale.value], stop.value);
    });
    return () => {
      unfollow();
      travel.cancel();
    };
  }, [scale, stop]);
  return (
    <div class="cursor" ref={cursor}>
      {children}
    </div>
  );
}
