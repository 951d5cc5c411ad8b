import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.js';

interface Props {
  readonly label: string;
  readonly icon: IconName;
  readonly onClick: () => unknown;
  readonly shortcut?: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly fill?: boolean;
  readonly class?: string;
  readonly children?: ComponentChildren;
}

/** A button that is a drawing; its label is read out and shown on hover, with its key. */
export function IconButton({
  label,
  icon,
  onClick,
  shortcut,
  pressed,
  disabled,
  fill,
  class: name,
  children,
}: Props) {
  return (
    <button
      type="button"
      class={`icon-button ${name ?? ''}`}
      aria-label={label}
      aria-pressed={pressed}
      aria-keyshortcuts={shortcut}
      title={shortcut ? `${label} (${shortcut})` : label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} fill={fill} />
      {children}
    </button>
  );
}
