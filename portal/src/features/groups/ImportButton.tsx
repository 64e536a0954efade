import Button from '@cloudscape-design/components/button';
import { lazy, Suspense, useState } from 'react';
import { useMay } from '../../app/role';

const ImportGroup = lazy(async () => ({ default: (await import('./Export')).ImportGroup }));

/** Opens the window in which a group is made of a file; it is loaded when it is asked for. */
export function ImportButton() {
  const may = useMay();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button {...may('admin')} onClick={() => setAsking(true)}>Import group</Button>
      {asking && <Suspense fallback={null}><ImportGroup onClose={() => setAsking(false)} /></Suspense>}
    </>
  );
}
