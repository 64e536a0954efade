import Box from '@cloudscape-design/components/box';
import Table, { type TableProps } from '@cloudscape-design/components/table';
import { useSyncExternalStore } from 'react';

const NARROW = window.matchMedia('(max-width: 600px)');
const watch = (changed: () => void) => { NARROW.addEventListener('change', changed); return () => NARROW.removeEventListener('change', changed); };

/** Whether the window is as narrow as a telephone's. */
export const useNarrow = () => useSyncExternalStore(watch, () => NARROW.matches);

/** A table whose rows are cards on a telephone. */
export function StackedTable<Row>({ columnDefinitions, ...others }: TableProps<Row>) {
  return <Table {...others} columnDefinitions={useStacked(columnDefinitions)} />;
}

/** A table's columns. On a telephone they stand below each other, each row a card, so that none is scrolled out of sight. */
export function useStacked<Row>(columns: readonly TableProps.ColumnDefinition<Row>[]): readonly TableProps.ColumnDefinition<Row>[] {
  if (!useNarrow()) return columns;
  const names = columns.find(column => column.isRowHeader) ?? columns[0];
  if (!names) return columns;
  const others = columns.filter(column => column !== names);
  return [{
    ...names,
    cell: row => (
      <>
        <Box fontWeight="bold">{names.cell(row)}</Box>
        {others.map(column => <div key={column.id}>{column.id !== 'actions' && <Box variant="small" display="inline">{column.header}:</Box>} {column.cell(row)}</div>)}
      </>
    ),
  }];
}
