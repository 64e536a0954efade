import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Modal from '@cloudscape-design/components/modal';
import RadioGroup from '@cloudscape-design/components/radio-group';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import type { Preferences } from './preferences';

const SIZES = [10, 25, 50, 100];

/** The window in which one says what a table shows. `columns`: those that may be hidden; `sized`: the table has pages. */
export function TableSettings({ kept, columns, sized, onSave, onClose }: {
  kept: Preferences; columns: readonly { id: string; label: string }[]; sized: boolean; onSave: (next: Preferences) => void; onClose: () => void;
}) {
  const [{ pageSize, hidden }, setNext] = useState(kept);
  const show = (id: string, shown: boolean) => setNext({ pageSize, hidden: [...hidden.filter(each => each !== id), ...(shown ? [] : [id])] });
  return (
    <Modal visible onDismiss={onClose} header="Table settings"
      footer={<Box float="right"><SpaceBetween size="xs" direction="horizontal"><Button formAction="none" variant="link" onClick={onClose}>Cancel</Button>
        <Button formAction="none" variant="primary" onClick={() => onSave({ pageSize, hidden })}>Save</Button></SpaceBetween></Box>}>
      <SpaceBetween size="l">
        {sized && <FormField label="Rows per page"><RadioGroup value={String(pageSize)} items={SIZES.map(size => ({ value: String(size), label: `${size} rows` }))} onChange={({ detail }) => setNext({ pageSize: Number(detail.value), hidden })} /></FormField>}
        <FormField label="Columns">{columns.map(({ id, label }) => <Checkbox key={id} checked={!hidden.includes(id)} onChange={({ detail }) => show(id, detail.checked)}>{label}</Checkbox>)}</FormField>
      </SpaceBetween>
    </Modal>
  );
}
