/** Line icons on a 20 × 20 grid, in the colour of their text. */
const PATHS = {
  play: 'M6 4.2v11.6l9.4-5.8z',
  stop: 'M5.5 5.5h9v9h-9z',
  undo: 'M7.5 4.5 4 8l3.5 3.5M4 8h7.2a4.3 4.3 0 0 1 0 8.6H8',
  redo: 'M12.5 4.5 16 8l-3.5 3.5M16 8H8.8a4.3 4.3 0 0 0 0 8.6H12',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  fit: 'M4 7.5V4h3.5M12.500 4H16v3.500M16 12.500V16h-3.500M7.500 16H4v-3.500',
  sun: 'M10 2.500v1.800M10 15.700v1.800M2.500 10h1.800M15.700 10h1.800M4.700 4.700 6 6M14 14l1.300 1.300M15.300 4.700 14 6M6 14l-1.300 1.300M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z',
  moon: 'M16 11.800A6.500 6.500 0 0 1 8.200 4a6.500 6.500 0 1 0 7.800 7.800z',
  system: 'M3.500 4.500h13v9h-13zM7.500 16.500h5M10 13.500v3',
  help: 'M7.700 7.600a2.400 2.400 0 1 1 3.500 2.200c-.8.4-1.200.9-1.200 1.700M10 14.300v.1M10 2.800a7.200 7.200 0 1 0 0 14.400 7.200 7.200 0 0 0 0-14.400z',
  folder:
    'M3 6.200a1.200 1.200 0 0 1 1.200-1.200h3.300l1.700 1.800h6.600A1.200 1.200 0 0 1 17 8v6.300a1.200 1.200 0 0 1-1.200 1.200H4.200A1.200 1.200 0 0 1 3 14.300z',
  save: 'M10 3.500v8.500M6.800 9l3.200 3.200L13.200 9M4 13.500v2.500h12v-2.500',
  chevron: 'M6 8l4 4 4-4',
  close: 'M5.500 5.500l9 9M14.500 5.500l-9 9',
  search: 'M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM12.700 12.700 16 16',
  reset: 'M4.500 10a5.500 5.500 0 1 1 1.700 4M4.200 15v-3.500h3.500',
  panel: 'M3.500 4.500h13v11h-13zM12 4.500v11',
  target: 'M10 3v3M10 14v3M3 10h3M14 10h3M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z',
  table: 'M3.500 4.500h13v11h-13zM3.500 8.500h13M8.500 4.500v11',
  warn: 'M10 3.500 17 16H3zM10 8.500v3.500M10 14v.1',
  left: 'M12 5l-5 5 5 5',
  right: 'M8 5l5 5-5 5',
  check: 'M4.500 10.500 8.500 14.500 15.500 6',
  file: 'M5.500 3h6l3.500 3.500V17h-9.500zM11.500 3v3.500H15',
  pencil: 'M4 16l.8-3.400L13.400 4a1.500 1.500 0 0 1 2.600 2.600L7.400 15.200zM12 5.500l2.500 2.500',
  note: 'M4.500 4.500h11v8l-3.500 3.500h-7.500zM15.500 12.500H12V16M7.500 8h5M7.500 11h3',
  more: 'M5 10h.1M10 10h.1M15 10h.1',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4.200l2.800 1.700',
  trash: 'M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500l.7 11h7.600l.7-11M8.500 8.500v5M11.500 8.500v5',
  graph: 'M3.500 5h5v4h-5zM11.500 11h5v4h-5zM8.500 7h1.500a2 2 0 0 1 2 2v2',
} as const

export type IconName = keyof typeof PATHS

export const Icon = ({ name, size = 18, filled }: { name: IconName; size?: number; filled?: boolean }) => (
  <svg class="icon" viewBox="0 0 20 20" width={size} height={size} aria-hidden="true">
    <path
      d={PATHS[name]}
      fill={filled ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
    />
  </svg>
)
