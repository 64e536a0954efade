import Alert from '@cloudscape-design/components/alert';
import ColumnLayout from '@cloudscape-design/components/column-layout';
import Container from '@cloudscape-design/components/container';
import DatePicker from '@cloudscape-design/components/date-picker';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Toggle from '@cloudscape-design/components/toggle';
import type { Schemas } from '../../api/client';

/** The figures as typed: percentages and days as text, dates as YYYY-MM-DD, empty while the window is off. */
export interface SafetyFigures {
  share: string;
  floor: string;
  graceDays: string;
  retentionDays: string;
  rollover: boolean;
  rolloverShare: string;
  from: string;
  to: string;
}

export const figuresOf = (group?: Schemas['GroupOut']): SafetyFigures => ({
  share: String(Math.round((group?.guard.share ?? 0.1) * 100)),
  floor: String(group?.guard.floor ?? 10),
  graceDays: String(group?.graceDays ?? 30),
  retentionDays: String(group?.retentionDays ?? 30),
  rollover: !!group?.guard.rollover,
  rolloverShare: String(Math.round((group?.guard.rolloverShare ?? 0.5) * 100)),
  from: group?.guard.rollover?.from ?? '',
  to: group?.guard.rollover?.to ?? '',
});

export const guardOf = (figures: SafetyFigures): Schemas['GuardFigures'] => ({
  share: Number(figures.share) / 100,
  floor: Number(figures.floor),
  rolloverShare: Number(figures.rolloverShare) / 100,
  rollover: figures.rollover ? { from: figures.from, to: figures.to } : null,
});

/** When a sync waits for a word, and for how long a removal can be taken back. */
export function Safety({ figures, onChange, wrong, contact }: { figures: SafetyFigures; onChange: (next: SafetyFigures) => void; wrong: (field: string) => string | undefined; contact: string }) {
  const set = (next: Partial<SafetyFigures>) => onChange({ ...figures, ...next });
  const typed = (name: 'share' | 'floor' | 'graceDays' | 'retentionDays' | 'rolloverShare') => (
    <Input type="number" inputMode="numeric" value={figures[name]} onChange={({ detail }) => set({ [name]: detail.value })} />
  );
  return (
    <Container header={<Header variant="h2" description={`A sync that would remove more waits for an admin’s word${contact ? `, and ${contact} is told` : ''}.`}>Safety</Header>}>
      <SpaceBetween size="m">
        {!contact && <Alert type="info">Give a contact e-mail above, and a sync that is held will be told there.</Alert>}
        <ColumnLayout columns={3}>
          <FormField label="Hold a sync that removes more than (%)" description="Of one school’s people (of each user type too), classes or enrollments." errorText={wrong('guard.share')}>{typed('share')}</FormField>
          <FormField label="and at least (records)" description="So that a small school isn’t held for two people." errorText={wrong('guard.floor')}>{typed('floor')}</FormField>
          <FormField label="Days in which somebody removed can come back" description="Under the same platform id, with the enrollments. After that the record is purged." errorText={wrong('graceDays')}>{typed('graceDays')}</FormField>
          <FormField label="Days for which bundles, logs and history are kept" description="Then they are deleted for good. What an undo needs stays as long as somebody removed can come back, and the last sync that succeeded stays whole." errorText={wrong('retentionDays')}>{typed('retentionDays')}</FormField>
        </ColumnLayout>
        <Toggle checked={figures.rollover} onChange={({ detail }) => set({ rollover: detail.checked })} description="The days in which a new school year starts and many people and classes go.">Rollover window</Toggle>
        {figures.rollover && (
          <ColumnLayout columns={3}>
            <FormField label="First day" errorText={wrong('guard.rollover')}><DatePicker value={figures.from} onChange={({ detail }) => set({ from: detail.value })} placeholder="YYYY/MM/DD" i18nStrings={{ openCalendarAriaLabel: () => 'Choose the first day' }} /></FormField>
            <FormField label="Last day"><DatePicker value={figures.to} onChange={({ detail }) => set({ to: detail.value })} placeholder="YYYY/MM/DD" i18nStrings={{ openCalendarAriaLabel: () => 'Choose the last day' }} /></FormField>
            <FormField label="Hold then at more than (%)" errorText={wrong('guard.rolloverShare')}>{typed('rolloverShare')}</FormField>
          </ColumnLayout>
        )}
      </SpaceBetween>
    </Container>
  );
}
