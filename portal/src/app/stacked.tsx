import Box from '@cloudscape-design/components/box';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import { useSyncExternalStore, type ReactNode } from 'react';

const NARROW = window.matchMedia('(max-width: 600px)');
const watch = (changed: () => void) => { NARROW.addEventListener('change', changed); return () => NARROW.removeEventListener('change', changed); };

/** A table whose rows are cards on a telephone: its columns stand below each other there, so that none is scrolled out of sight. */
export function StackedTable<Row>(table: TableProps<Row>) {
  const narrow = useSyncExternalStore(watch, () => NARROW.matches);
  return <Table {...table} {...(narrow ? stacked(table) : {})} />;
}

const isNothing = (shown: ReactNode) => shown === false || shown === null || shown === undefined || shown === '';

function stacked<Row>({ columnDefinitions, columnDisplay = [] }: TableProps<Row>): Partial<TableProps<Row>> {
  const names = columnDefinitions.find(column => column.isRowHeader) ?? columnDefinitions[0];
  if (!names) return {};
  const hidden = columnDisplay.filter(each => 'visible' in each && !each.visible).map(each => each.id);
  const others = columnDefinitions.filter(column => column !== names && !hidden.includes(column.id ?? ''));
  const card: TableProps.ColumnDefinition<Row> = {
    ...names,
    cell: row => (
      <>
        <Box fontWeight="bold">{names.cell(row)}</Box>
        {others.map(column => ({ ...column, shown: column.cell(row) })).filter(({ shown }) => !isNothing(shown)).map(({ id, header, shown }) => (
          <div key={id}>{id !== 'actions' && <Box variant="small" display="inline">{header}:</Box>} {shown}</div>
        ))}
      </>
    ),
  };
  return { columnDefinitions: [card], columnDisplay: [{ id: names.id ?? '', visible: true }], stickyColumns: {} };
}
