import { along, SCALES, type Scale } from "../math/scales";
import { brief } from "../text/format";

/** The marked temperatures under a scale, for the eye alone. */
export function Marks({ scale }: { readonly scale: Scale }) {
  return (
    <div class="marks" aria-hidden="true">
      {scale.marks.map((mark) => (
        <span key={mark} style={{ "--at": along(scale, mark) }}>
          {scale === SCALES.full && mark !== 0 ? (
            <>
              10<sup>{brief(mark)}</sup>
            </>
          ) : (
            brief(scale.temperatureAt(mark))
          )}
        </span>
      ))}
    </div>
  );
}
