import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import ContentLayout from '@cloudscape-design/components/content-layout';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useNavigate } from 'react-router';
import { useMe } from './role';
import { useTitle } from './title';

/** An address that leads nowhere says so, once. */
export function NotFound({ what = 'Page' }: { what?: 'Page' | 'Group' }) {
  const navigate = useNavigate();
  const me = useMe();
  useTitle(`${what} not found`);
  return (
    <ContentLayout header={<Header variant="h1">{what} not found</Header>}>
      <Container>
        <SpaceBetween size="m">
          <Box>{what === 'Group' ? 'This group was deleted, or you have not been given access to it.' : 'There is no page at this address. Check the link, or start from the list of groups.'}</Box>
          <SpaceBetween size="xs" direction="horizontal">
            <Button variant="primary" onClick={() => void navigate('/')}>Go to groups</Button>
            {what === 'Group' && me.role === 'admin' && me.groups === null && <Button onClick={() => void navigate('/deleted-groups')}>See deleted groups</Button>}
          </SpaceBetween>
        </SpaceBetween>
      </Container>
    </ContentLayout>
  );
}
