/** The file that was chosen; the field forgets it, so that the same one can be chosen again. */
export function takeFile(field: HTMLInputElement): File | undefined {
  const file = field.files?.[0];
  field.value = '';
  return file;
}
