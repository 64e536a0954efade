import Button from '@cloudscape-design/components/button';
import type { TableProps } from '@cloudscape-design/components/table';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { useMe } from './role';

const TableSettings = lazy(async () => ({ default: (await import('./TableSettings')).TableSettings })); // Cloudscape's own window for it weighs 25 kB

export interface Preferences { pageSize: number; hidden: readonly string[] }

/** What the table takes, and how many rows a page has. */
interface Preferred { pageSize: number; table: { columnDisplay: readonly TableProps.ColumnDisplayProperties[]; preferences: ReactNode } }

/**
 * Which columns a table shows and how many rows a page has, kept in this browser for each person and table. The column that
 * names a row always stays. Without `pageSize` the table has no pages; `onPageSize`: the page that was open is another one then.
 */
export function usePreferences<Row>(name: string, columns: readonly TableProps.ColumnDefinition<Row>[], pageSize = 0, onPageSize?: () => void): Preferred {
  const store = `table/${useMe().userId}/${name}`;
  const [kept, setKept] = useState<Preferences>(() => ({ pageSize, hidden: [], ...(JSON.parse(localStorage.getItem(store) ?? '{}') as Partial<Preferences>) }));
  const [open, setOpen] = useState(false);
  const save = (next: Preferences) => {
    localStorage.setItem(store, JSON.stringify(next));
    setKept(next);
    setOpen(false);
    if (next.pageSize !== kept.pageSize) onPageSize?.();
  };
  const choices = columns.filter(column => !column.isRowHeader).map(({ id = '', header }) => ({ id, label: typeof header === 'string' ? header : id }));
  const preferences = (
    <>
      <Button variant="icon" iconName="settings" ariaLabel="Table settings" formAction="none" onClick={() => setOpen(true)} />
      {open && <Suspense fallback={null}><TableSettings kept={kept} columns={choices} sized={pageSize > 0} onSave={save} onClose={() => setOpen(false)} /></Suspense>}
    </>
  );
  const columnDisplay = columns.map(({ id = '' }) => ({ id, visible: !kept.hidden.includes(id) }));
  return { pageSize: kept.pageSize, table: { columnDisplay, preferences } };
}
