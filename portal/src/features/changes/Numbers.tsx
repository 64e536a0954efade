import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Pagination from '@cloudscape-design/components/pagination';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useState } from 'react';
import type { Schemas } from '../../api/client';
import { actionWord, capital, entityName, number, type Tense } from '../../app/words';
import { ACTIONS, cameTrue, DONE, ENTITIES, type Look } from './look';

type Counts = Schemas['ActionCounts'] | undefined;
const SCHOOLS = 10;

/** The plan in numbers, of all and by school; every number opens its rows. */
export function Numbers({ plan, tense, onLook }: { plan: Schemas['Plan']; tense: Tense; onLook: (next: Partial<Look>) => void }) {
  const kept = !plan.withRemovals;
  const returned = Object.values(plan.returned).reduce((sum, each) => sum + each, 0);
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2" description={[kept && 'Approved without removals: what would have been deactivated or ended was kept.', returned > 0 && `Of the updates, ${number(returned)} ${tense === 'did' ? 'brought back' : 'would bring back'} what had been removed.`].filter(Boolean).join(' ')}>Changes in numbers</Header>}>
        <div className="scrolls" role="region" aria-label="Changes in numbers" tabIndex={0}>
          <table className="matrix">
            <Head first="Record type" tense={tense} kept={kept} />
            <tbody>{ENTITIES.map(entity => <Line key={entity} name={entityName(entity)} counts={plan.counts[entity]} of={entity} tense={tense} kept={kept} onLook={onLook} />)}</tbody>
          </table>
        </div>
      </Container>
      {plan.schools.length > 0 && <BySchool schools={plan.schools} tense={tense} kept={kept} onLook={onLook} />}
    </SpaceBetween>
  );
}

function Head({ first, tense, kept }: { first: string; tense: Tense; kept: boolean }) {
  return <thead><tr><th scope="col">{first}</th>{DONE.map(done => <th scope="col" key={done}>{capital(actionWord(done, cameTrue(done, tense, kept)))}</th>)}</tr></thead>;
}

function Line({ name, counts, of, school = '', tense, kept, onLook }: { name: string; counts: Counts; of: string; school?: string; tense: Tense; kept: boolean; onLook: (next: Partial<Look>) => void }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {DONE.map(done => {
        const value = counts?.[done] ?? 0;
        const open = () => { onLook({ entity: of, action: ACTIONS[done], school, reason: '', search: '' }); document.getElementById('rows')?.scrollIntoView({ behavior: 'smooth' }); };
        return <td key={done}>{value ? <Link ariaLabel={`${number(value)} ${entityName(of).toLowerCase()} ${actionWord(done, cameTrue(done, tense, kept))}${school ? ` of ${name}` : ''}: show the rows`} onFollow={open}>{number(value)}</Link> : '0'}</td>;
      })}
    </tr>
  );
}

function BySchool({ schools, tense, kept, onLook }: { schools: Schemas['SchoolCounts'][]; tense: Tense; kept: boolean; onLook: (next: Partial<Look>) => void }) {
  const [of, setOf] = useState<(typeof ENTITIES)[number]>('users');
  const [search, setSearch] = useState('');
  const [page, setPage] = useState(1);
  const losses = (school: Schemas['SchoolCounts']) => (school.counts[of]?.deactivated ?? 0) + (school.counts[of]?.ended ?? 0);
  const found = schools
    .filter(school => school.counts[of] && school.name.toLocaleLowerCase().includes(search.trim().toLocaleLowerCase()))
    .sort((one, other) => losses(other) - losses(one) || one.name.localeCompare(other.name));
  return (
    <Container header={<Header variant="h2" counter={`(${number(found.length)})`} description="Those that lose most first.">By school</Header>}>
      <SpaceBetween size="s">
        <SpaceBetween size="xs" direction="horizontal">
          <SegmentedControl label="Record type" selectedId={of} options={(['users', 'classes', 'enrollments'] as const).map(id => ({ id, text: entityName(id) }))}
            onChange={({ detail }) => { setOf(detail.selectedId as typeof of); setPage(1); }} />
          {schools.length > SCHOOLS && <TextFilter filteringText={search} filteringPlaceholder="Find a school" filteringAriaLabel="Find a school" onChange={({ detail }) => { setSearch(detail.filteringText); setPage(1); }} />}
        </SpaceBetween>
        <div className="scrolls" role="region" aria-label="Changes by school" tabIndex={0}>
          <table className="matrix">
            <Head first="School" tense={tense} kept={kept} />
            <tbody>{found.slice((page - 1) * SCHOOLS, page * SCHOOLS).map(school => <Line key={school.sourcedId} name={school.name} counts={school.counts[of]} of={of} school={school.sourcedId} tense={tense} kept={kept} onLook={onLook} />)}</tbody>
          </table>
        </div>
        {found.length > SCHOOLS && <Pagination currentPageIndex={page} pagesCount={Math.ceil(found.length / SCHOOLS)} onChange={({ detail }) => setPage(detail.currentPageIndex)}
          ariaLabels={{ nextPageLabel: 'Next schools', previousPageLabel: 'Previous schools', pageLabel: n => `Schools, page ${n}` }} />}
      </SpaceBetween>
    </Container>
  );
}
