const source = new EventSource("/events");
for (const type of ["breaking-news", "sports-news", "weather-update"]) {
  source.addEventListener(type, ({ lastEventId, data }) => {
    const item = document.createElement("li");
    item.textContent = `${type} ${lastEventId} ${data}`;
    document.querySelector("#log").prepend(item);
  });
}
