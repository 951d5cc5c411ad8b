// The page of the API: reads the description that the server makes of its own schemas.
window.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  docExpansion: 'list',
  validatorUrl: null,
  syntaxHighlight: false,
});
