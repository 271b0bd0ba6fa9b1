// The page's few icons, drawn inline so that they take the colour of the text around them.

const PATHS = {
  menu: 'M4 7h16M4 12h16M4 17h16',
  people:
    'M15.5 19v-1.2a3.8 3.8 0 0 0-3.8-3.8H7.3a3.8 3.8 0 0 0-3.8 3.8V19' +
    'M9.5 10.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4' +
    'M20.5 19v-1.2a3.8 3.8 0 0 0-2.8-3.6M15.6 4.3a3.2 3.2 0 0 1 0 6',
  send: 'M5 12h13M12.5 6l6 6-6 6',
  close: 'M6.5 6.5l11 11M17.5 6.5l-11 11',
  leave:
    'M14 7V5.5A1.5 1.5 0 0 0 12.5 4h-6A1.5 1.5 0 0 0 5 5.5v13A1.5 1.5 0 0 0 6.5 20' +
    'h6a1.5 1.5 0 0 0 1.5-1.5V17' +
    'M10 12h10M17 9l3 3-3 3',
  down: 'M12 5v13M6 12.5l6 6 6-6',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7.5V12l3 2',
  alert: 'M12 8v5M12 16.2v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark: two speech bubbles that overlap. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        class="mark-back"
        d="M12 4h13a4 4 0 0 1 4 4v8a4 4 0 0 1-4 4v4.5L20.5 20H12a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4z"
      />
      <path
        class="mark-front"
        d="M7 11h11a4 4 0 0 1 4 4v6a4 4 0 0 1-4 4h-6l-5 4.5V25a4 4 0 0 1-4-4v-6a4 4 0 0 1 4-4z"
      />
    </svg>
  );
}
