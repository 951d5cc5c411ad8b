import { render } from 'preact';
import './css/base.css';
import './css/parts.css';
import './css/layout.css';
import './css/stage.css';
import './css/deck.css';
import { toggleMidi } from './midi-bind.js';
import { followCues, retryNow, start } from './session.js';
import { kept } from './storage.js';
import { takeToken } from './token.js';
import { App } from './ui/app.js';

takeToken();
const room = document.getElementById('app');
if (room) render(<App />, room);
addEventListener('online', retryNow);
// A page that a browser brings back as it was has lost its connections for good.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
followCues();
void start();
if (kept('midiOn', false)) void toggleMidi();
