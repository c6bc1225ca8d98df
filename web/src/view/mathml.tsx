import type { ComponentChildren } from "preact";

/** softmax(z)_i, or softmax(z, T)_i. */
export function Softmax({ temperature = false }: { readonly temperature?: boolean }) {
  return (
    <mrow>
      <mi>softmax</mi>
      <msub>
        <mrow>
          <mo>(</mo>
          <mi>z</mi>
          {temperature && (
            <>
              <mo>,</mo>
              <mi>T</mi>
            </>
          )}
          <mo>)</mo>
        </mrow>
        <mi>i</mi>
      </msub>
    </mrow>
  );
}

/** e to the power of the children. */
export function Power({ children }: { readonly children: ComponentChildren }) {
  return (
    <msup>
      <mi>e</mi>
      <mrow>{children}</mrow>
    </msup>
  );
}

export function Sub({ of, index }: { readonly of: string; readonly index: string }) {
  return (
    <msub>
      <mi>{of}</mi>
      <mi>{index}</mi>
    </msub>
  );
}

/** The sum of the children over j. */
export function Total({ children }: { readonly children: ComponentChildren }) {
  return (
    <mrow>
      <munder>
        <mo>∑</mo>
        <mi>j</mi>
      </munder>
      {children}
    </mrow>
  );
}
