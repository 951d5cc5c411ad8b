import { useState } from 'preact/hooks';

/** A small picture of the gallery; nothing is shown where it cannot be had. */
export function Picture({ url, class: name }: { url: string; class: string }) {
  const [broken, setBroken] = useState('');
  if (!url || broken === url) return <span class={name} />;
  return (
    <img
      class={name}
      src={url}
      alt=""
      loading="lazy"
      decoding="async"
      draggable={false}
      onError={() => setBroken(url)}
    />
  );
}
