<?php

return [
    'debug' => false,
    'timezone' => 'UTC',
    'locale' => 'en',
    'providers' => [Illuminate\Database\DatabaseServiceProvider::class],
    'aliases' => [],
];
