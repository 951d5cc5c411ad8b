const NAMES = {
  image: /\.(jpe?g|png|webp|gif|avif|bmp|heic)$/i,
  video: /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ogv)$/i,
};

/** Whether a file is a picture or a video; by its name where the browser knows no type of it (Matroska, often). */
export function fileKind({ name, type }: Pick<File, 'name' | 'type'>): 'image' | 'video' | undefined {
  const kinds = ['image', 'video'] as const;
  return kinds.find((kind) => (type ? type.startsWith(`${kind}/`) : NAMES[kind].test(name)));
}
