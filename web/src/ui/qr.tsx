import { useEffect, useState } from 'preact/hooks';

/** A text as a QR code; the library for it comes when it is first shown. */
export function Qr({ text, label }: { text: string; label: string }) {
  const [cells, setCells] = useState<readonly (readonly boolean[])[]>([]);
  useEffect(() => {
    let gone = false;
    void import('uqr').then(({ encode }) => {
      if (!gone) setCells(encode(text, { ecc: 'M', border: 2 }).data);
    });
    return () => {
      gone = true;
    };
  }, [text]);
  const path = cells
    .flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
    .join('');
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${cells.length || 1} ${cells.length || 1}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
