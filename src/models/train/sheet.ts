import sharp from 'sharp';

/** Packed 8-bit RGB square. */
export type Tile = Uint8Array;

/** Tiles of `size` x `size` put together row by row as one PNG, with a gap between them; undefined leaves a hole. */
export async function sheet(rows: readonly (readonly (Tile | undefined)[])[], size: number): Promise<Buffer> {
  const gap = 4;
  const columns = Math.max(...rows.map((row) => row.length));
  const raw = { width: size, height: size, channels: 3 as const };
  const parts = rows.flatMap((row, y) =>
    row.flatMap((tile, x) =>
      tile
        ? [{ input: Buffer.from(tile), raw, left: gap + x * (size + gap), top: gap + y * (size + gap) }]
        : [],
    ),
  );
  return sharp({
    create: {
      width: gap + columns * (size + gap),
      height: gap + rows.length * (size + gap),
      channels: 3,
      background: '#fff',
    },
  })
    .composite(parts)
    .png()
    .toBuffer();
}
