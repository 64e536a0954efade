import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import { sentence } from '../api/client';

/** What went wrong and what to do; never a blank page. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return (
    <Alert type="error" header="This did not work" action={onRetry && <Button onClick={onRetry}>Try again</Button>}>
      {sentence(error)}
    </Alert>
  );
}
