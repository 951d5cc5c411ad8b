import { render } from 'preact';
import './css/base.css';
import './css/parts.css';
import './css/training.css';
import { follow } from './training/feed.js';
import { Training } from './training/page.js';

const room = document.getElementById('app');
if (room) render(<Training />, room);
// A page that a browser brings back as it was has lost its stream for good.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
follow('/api/training/events');
