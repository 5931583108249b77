import { effect, signal } from '@preact/signals';
import { kept, readStored, writeStored } from './storage';

/** `system` follows the device. */
export type Theme = 'system' | 'light' | 'dark';
const isTheme = (value: unknown): value is Theme => value === 'system' || value === 'light' || value === 'dark';

export const theme = signal<Theme>(readStored(kept, 'theme', isTheme) ?? 'system');

export function startTheme(): void {
  effect(() => {
    const root = document.documentElement;
    if (theme.value === 'system') delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });
}

export function wear(next: Theme): void {
  theme.value = next;
  writeStored(kept, 'theme', next);
}
