import { useEffect, useRef, useState } from 'preact/hooks';
import { addStyle } from '../actions.js';
import { closeMedia } from '../capture.js';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { state } from '../state.js';
import { takeFile } from '../take-file.js';
import { attempt } from '../toast.js';
import { STEPS, tune } from '../tune.js';
import { Dialog } from './dialog.js';
import { Icon } from './icon.js';

const close = () => {
  state.dialog.value = undefined;
  state.dropped.value = undefined;
};

/** The camera, to photograph a picture that hangs on a wall. */
function Camera({ onPicture }: { onPicture: (picture: Blob) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let media: MediaStream | undefined;
    let gone = false;
    void attempt(async () => {
      media = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment', height: { ideal: 720 } },
      });
      if (gone) closeMedia(media);
      else if (video.current) video.current.srcObject = media;
    });
    return () => {
      gone = true;
      closeMedia(media);
    };
  }, []);
  const shoot = () => {
    const { videoWidth: width = 0, videoHeight: height = 0 } = video.current ?? {};
    if (!video.current || !width) return;
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    canvas.getContext('2d')?.drawImage(video.current, 0, 0);
    canvas.toBlob((blob) => blob && onPicture(blob), 'image/jpeg', 0.92);
  };
  return (
    <div class="shoot">
      <video ref={video} autoplay playsInline muted aria-label={t('style.viewfinder')} />
      <button type="button" class="primary" onClick={shoot}>
        <Icon name="snapshot" />
        {t('style.shoot')}
      </button>
    </div>
  );
}

function Preview({ picture }: { picture: Blob }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    const address = URL.createObjectURL(picture);
    setUrl(address);
    return () => URL.revokeObjectURL(address);
  }, [picture]);
  return url ? <img class="preview" src={url} alt={t('style.preview')} /> : null;
}

/** A picture becomes a style: dropped, pasted, chosen or photographed. */
export function StyleDialog() {
  const dropped = useCell(state.dropped);
  const [picture, setPicture] = useState<Blob | undefined>(dropped);
  const [title, setTitle] = useState('');
  const [shooting, setShooting] = useState(false);
  const [busy, setBusy] = useState(false);
  const [tuning, setTuning] = useState(false);
  useEffect(() => {
    if (dropped) setPicture(dropped);
  }, [dropped]);
  const open = useRef(true);
  useEffect(
    () => () => {
      open.current = false;
    },
    [],
  );
  const name =
    title.trim() ||
    (picture instanceof File ? picture.name.replace(/\.[^.]+$/, '') : '') ||
    t('style.untitled');
  const add = async () => {
    if (!picture) return;
    setBusy(true);
    const stream = state.streamName.value;
    const added = await addStyle(picture, name, stream);
    setBusy(false);
    if (added === undefined) return;
    // It may have been closed meanwhile, and another dialog stand there.
    if (open.current) close();
    if (tuning) await tune(added, STEPS.usual, stream);
  };
  return (
    <Dialog title={t('style.add')} onClose={close}>
      <p class="quiet">{t('style.hint')}</p>
      {picture ? (
        <Preview picture={picture} />
      ) : shooting ? (
        <Camera
          onPicture={(blob) => {
            setPicture(blob);
            setShooting(false);
          }}
        />
      ) : (
        <div class="row wrap">
          <label class="drop grow">
            <Icon name="upload" />
            {t('style.choose')}
            <input
              type="file"
              accept="image/*"
              onChange={(event) => setPicture(takeFile(event.currentTarget))}
            />
          </label>
          <button type="button" class="drop" onClick={() => setShooting(true)}>
            <Icon name="snapshot" />
            {t('style.photograph')}
          </button>
        </div>
      )}
      <label class="field">
        {t('style.title')}
        <input
          value={title}
          maxLength={120}
          placeholder={picture ? name : ''}
          onInput={(event) => setTitle(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={tuning}
          onChange={(event) => setTuning(event.currentTarget.checked)}
        />
        {t('tune.too')}
      </label>
      <div class="row end">
        {picture && (
          <button type="button" class="plain" onClick={() => setPicture(undefined)}>
            {t('style.another')}
          </button>
        )}
        <button type="button" class="primary" disabled={!picture || busy} onClick={add}>
          {busy ? <span class="spinner small" aria-hidden="true" /> : <Icon name="brush" />}
          {t('style.use')}
        </button>
      </div>
    </Dialog>
  );
}
